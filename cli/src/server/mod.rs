//! `etcdkit server`: etcd's flags, environment and log lines.
