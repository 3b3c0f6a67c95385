/** Closing and observers. */
package io.etcdkit.support;
