//! The gRPC edge: one file per etcd service.
