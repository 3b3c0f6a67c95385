package io.etcdkit.internal;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.etcdkit.bridge.v1.StreamBatch;
import io.etcdkit.bridge.v1.StreamNext;
import io.etcdkit.common.exception.EtcdException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Reads a stream of the core and hands its items on, one at a time, on the client's executor.
 *
 * <p>The next batch is asked for when the last one has been taken, so a slow reader costs no
 * memory: the core and the server hold back.
 */
final class Pump<M> {
    /** Takes a stream; no method is called while another one runs. */
    interface Sink<M> {
        void item(M item);

        /** The stream has failed; nothing follows. */
        void failed(EtcdException error, int kind);

        /**
         * The stream has ended, by itself or because it or the client was closed; nothing follows.
         */
        void ended(boolean closed);
    }

    /** Items asked for at once: enough to pay for the crossing. */
    private static final byte[] NEXT = StreamNext.newBuilder().setMax(256).build().toByteArray();

    private final Connection connection;
    private final Parser<M> parser;
    private final Sink<M> sink;
    private final CountDownLatch opened = new CountDownLatch(1);

    private long opening;
    private long stream;
    private volatile boolean closed;

    Pump(Connection connection, Parser<M> parser, Sink<M> sink) {
        this.connection = connection;
        this.parser = parser;
        this.sink = sink;
    }

    void open(int method, MessageLite request) {
        long call =
                Core.get()
                        .start(
                                this::opened,
                                connection.number(),
                                method,
                                request.toByteArray(),
                                Core.NO_TIMEOUT);
        synchronized (this) {
            opening = call;
            if (closed && stream == 0) {
                Native.cancel(call);
            }
        }
    }

    /** Waits until the stream is open, or has failed to open, or the time is over. */
    void awaitOpen(long seconds) {
        try {
            opened.await(seconds, TimeUnit.SECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    boolean isClosed() {
        return closed;
    }

    /** Ends the stream; the sink is told so, unless it has ended. Closing again does nothing. */
    synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        if (stream != 0) {
            Native.close(stream);
        } else if (opening != 0) {
            Native.cancel(opening);
        }
    }

    /** The stream's number, or 0 before it is open. */
    synchronized long stream() {
        return stream;
    }

    private void opened(Outcome outcome) {
        boolean usable;
        synchronized (this) {
            stream = outcome.handle;
            usable = stream != 0 && !closed;
            if (stream != 0 && closed) {
                Native.close(stream);
            }
        }
        opened.countDown();
        if (usable) {
            pull();
        } else {
            Core.run(connection.executor(), () -> finish(outcome));
        }
    }

    private void pull() {
        Core.get().start(this::received, stream, Methods.STREAM_NEXT, NEXT, Core.NO_TIMEOUT);
    }

    private void received(Outcome outcome) {
        Core.run(connection.executor(), () -> take(outcome));
    }

    private void take(Outcome outcome) {
        if (outcome.error != null || closed) {
            finish(outcome);
            return;
        }
        try {
            StreamBatch batch = StreamBatch.parseFrom(outcome.payload);
            for (ByteString item : batch.getItemsList()) {
                if (closed) {
                    break;
                }
                hand(parser.parseFrom(item));
            }
            if (batch.getEnd() || closed) {
                finish(outcome);
            } else {
                pull();
            }
        } catch (InvalidProtocolBufferException error) {
            finish(new Outcome(Kinds.INTERNAL, Failures.of(error)));
        }
    }

    private void hand(M item) {
        guard(() -> sink.item(item));
    }

    private void finish(Outcome outcome) {
        boolean endedByClosing = closed || outcome.kind == Kinds.CLOSED;
        close();
        if (outcome.error == null || endedByClosing) {
            guard(() -> sink.ended(endedByClosing));
        } else {
            guard(() -> sink.failed(outcome.error, outcome.kind));
        }
    }

    /** What a listener throws must not end its stream; it is reported as of any other thread. */
    private static void guard(Runnable callback) {
        try {
            callback.run();
        } catch (Throwable error) {
            Thread thread = Thread.currentThread();
            thread.getUncaughtExceptionHandler().uncaughtException(thread, error);
        }
    }
}
