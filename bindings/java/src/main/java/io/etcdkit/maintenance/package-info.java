/** Answers of maintenance. */
package io.etcdkit.maintenance;
