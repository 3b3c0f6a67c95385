/** Comparisons and operations of transactions. */
package io.etcdkit.op;
