/** What jetcd programs take from gRPC and Netty: stream observers, status codes, TLS contexts. */
package io.etcdkit.grpc;
