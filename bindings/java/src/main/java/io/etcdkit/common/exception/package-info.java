/** Errors. */
package io.etcdkit.common.exception;
