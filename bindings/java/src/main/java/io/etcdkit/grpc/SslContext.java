package io.etcdkit.grpc;

import com.google.protobuf.ByteString;
import io.etcdkit.bridge.v1.TlsConfig;
import io.etcdkit.internal.Bytes;

/**
 * How https endpoints are spoken to: whom to trust, and who the client is. Made by {@link
 * SslContextBuilder}.
 */
public final class SslContext {
    static {
        Bytes.setTlsAccess(context -> context.config);
    }

    private final TlsConfig config;

    SslContext(byte[] trusted, byte[] chain, byte[] key, boolean trustAll) {
        config =
                TlsConfig.newBuilder()
                        .setCaPem(ByteString.copyFrom(trusted))
                        .setCertPem(ByteString.copyFrom(chain))
                        .setKeyPem(ByteString.copyFrom(key))
                        .setInsecureSkipVerify(trustAll)
                        .build();
    }
}
