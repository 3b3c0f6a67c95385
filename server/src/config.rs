//! The settings of a server, with etcd's names and defaults.
