/** Sessions and locks of the core. */
package io.etcdkit.concurrency;
