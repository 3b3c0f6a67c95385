/** Answers of elections. */
package io.etcdkit.election;
