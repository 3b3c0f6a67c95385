/** Options of requests. */
package io.etcdkit.options;
