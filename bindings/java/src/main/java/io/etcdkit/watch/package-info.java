/** Events. */
package io.etcdkit.watch;
