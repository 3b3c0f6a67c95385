/** The client and its services, and the embedded server. */
package io.etcdkit;
