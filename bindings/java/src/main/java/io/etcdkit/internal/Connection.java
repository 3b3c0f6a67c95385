package io.etcdkit.internal;

import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Function;

/** A client of the core, which all services of a {@link ClientImpl} share. */
final class Connection {
    private final Executor executor;
    private final Handle handle;

    Connection(long number, Executor executor) {
        this.executor = executor;
        this.handle = new Handle(this, number);
    }

    Executor executor() {
        return executor;
    }

    long number() {
        return handle.number();
    }

    /** Ends its calls and streams. Closing again does nothing. */
    void close() {
        handle.close();
    }

    /** Makes a call with the client's own time limit. */
    <M, T> CompletableFuture<T> call(
            int method, MessageLite request, Parser<M> parser, Function<M, T> convert) {
        return call(method, request, parser, convert, Core.DEFAULT_TIMEOUT);
    }

    <M, T> CompletableFuture<T> call(
            int method,
            MessageLite request,
            Parser<M> parser,
            Function<M, T> convert,
            long timeoutMs) {
        return start(
                method,
                request,
                outcome -> convert.apply(parser.parseFrom(outcome.payload)),
                timeoutMs);
    }

    <T> CompletableFuture<T> start(
            int method, MessageLite request, Call.Decoder<T> decoder, long timeoutMs) {
        Call.Decoder<T> decodeAndStay =
                outcome -> {
                    // A client that nobody holds any more is closed; one with a call in flight is
                    // held by it.
                    java.lang.ref.Reference.reachabilityFence(this);
                    return decoder.decode(outcome);
                };
        return new Call<>(executor, decodeAndStay)
                .start(number(), method, request.toByteArray(), timeoutMs);
    }
}
