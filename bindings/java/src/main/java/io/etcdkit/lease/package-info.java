/** Answers about leases. */
package io.etcdkit.lease;
