/** Answers of the key space. */
package io.etcdkit.kv;
