/**
 * etcd v3 client and embedded server, in the shape of jetcd, on one native core.
 *
 * <p>Begin with {@link io.etcdkit.Client} and {@link io.etcdkit.Server}.
 */
module io.etcdkit {
    // Inside the jar under another name; there is nothing to find when the program runs.
    requires static com.google.protobuf;
    // What protobuf reads and writes memory with.
    requires jdk.unsupported;
    requires java.logging;

    exports io.etcdkit;
    exports io.etcdkit.auth;
    exports io.etcdkit.cluster;
    exports io.etcdkit.common.exception;
    exports io.etcdkit.concurrency;
    exports io.etcdkit.election;
    exports io.etcdkit.grpc;
    exports io.etcdkit.kv;
    exports io.etcdkit.lease;
    exports io.etcdkit.lock;
    exports io.etcdkit.maintenance;
    exports io.etcdkit.op;
    exports io.etcdkit.options;
    exports io.etcdkit.support;
    exports io.etcdkit.watch;
}
