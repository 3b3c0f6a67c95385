package io.etcdkit.internal;

import com.google.protobuf.MessageLite;
import java.util.concurrent.CompletableFuture;

/** An object of the core that belongs to a client: a session, a lock that is held. */
final class Target {
    private final Connection connection;
    private final Handle handle;

    Target(Connection connection, long number) {
        this.connection = connection;
        this.handle = new Handle(this, number);
    }

    Connection connection() {
        return connection;
    }

    <T> CompletableFuture<T> call(
            int method, MessageLite request, Call.Decoder<T> decoder, long timeoutMs) {
        Call.Decoder<T> decodeAndStay =
                outcome -> {
                    java.lang.ref.Reference.reachabilityFence(this);
                    return decoder.decode(outcome);
                };
        return new Call<>(connection.executor(), decodeAndStay)
                .start(handle.number(), method, request.toByteArray(), timeoutMs);
    }

    void close() {
        handle.close();
    }
}
