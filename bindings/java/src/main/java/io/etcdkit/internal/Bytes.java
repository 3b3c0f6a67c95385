package io.etcdkit.internal;

import com.google.protobuf.ByteString;
import io.etcdkit.ByteSequence;
import io.etcdkit.bridge.v1.TlsConfig;
import io.etcdkit.grpc.SslContext;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Reaches what classes of the API keep to themselves: bytes without copying them, certificates. */
public final class Bytes {
    /** What {@link ByteSequence} lets the SDK do and its users not. */
    public interface Access {
        /**
         * {@return the bytes of a sequence}
         *
         * @param sequence the sequence
         */
        ByteString unwrap(ByteSequence sequence);

        /**
         * {@return a sequence of these bytes}
         *
         * @param bytes the bytes
         */
        ByteSequence wrap(ByteString bytes);
    }

    private static volatile Access access;
    private static volatile Function<SslContext, TlsConfig> tlsAccess;

    private Bytes() {}

    /**
     * Called by {@link ByteSequence} when it is initialised.
     *
     * @param made its access
     */
    public static void setAccess(Access made) {
        access = made;
    }

    /**
     * Called by {@link SslContext} when it is initialised.
     *
     * @param made tells its configuration
     */
    public static void setTlsAccess(Function<SslContext, TlsConfig> made) {
        tlsAccess = made;
    }

    /**
     * {@return the configuration of a context}
     *
     * @param context the context
     */
    public static TlsConfig tls(SslContext context) {
        return tlsAccess.apply(context);
    }

    /**
     * {@return the bytes of a sequence}
     *
     * @param sequence the sequence
     */
    public static ByteString of(ByteSequence sequence) {
        return access.unwrap(sequence);
    }

    static ByteSequence of(ByteString bytes) {
        return access().wrap(bytes);
    }

    static List<ByteSequence> of(List<ByteString> all) {
        List<ByteSequence> sequences = new ArrayList<>(all.size());
        for (ByteString bytes : all) {
            sequences.add(of(bytes));
        }
        return List.copyOf(sequences);
    }

    private static Access access() {
        if (access == null) {
            // An answer can come before the program has made a sequence of its own.
            ByteSequence.EMPTY.isEmpty();
        }
        return access;
    }
}
