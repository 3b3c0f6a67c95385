/** Members of the cluster. */
package io.etcdkit.cluster;
