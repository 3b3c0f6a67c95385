package io.etcdkit.grpc;

/** Begins TLS contexts, by the name gRPC has for it. */
public final class GrpcSslContexts {
    private GrpcSslContexts() {}

    /** {@return a builder, as of {@link SslContextBuilder#forClient}} */
    public static SslContextBuilder forClient() {
        return SslContextBuilder.forClient();
    }
}
