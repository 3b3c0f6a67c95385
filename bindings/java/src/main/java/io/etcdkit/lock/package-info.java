/** Answers of the lock service. */
package io.etcdkit.lock;
