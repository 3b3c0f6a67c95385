package io.etcdkit;

import io.etcdkit.options.WatchOption;
import io.etcdkit.support.CloseableClient;
import io.etcdkit.watch.WatchResponse;
import java.io.Closeable;
import java.util.function.Consumer;

/**
 * Watches keys.
 *
 * <p>A watch goes on after lost connections, without a gap and without repeating an event. A
 * listener is called one event batch at a time on the client's executor and may block and make
 * calls; meanwhile its events wait, in bounded memory here and at the server. Safe for use by many
 * threads.
 */
public interface Watch extends CloseableClient {
    /**
     * Watches a key or a range (RPC Watch.Watch). Returns when the server has created the watch, so
     * that no later change is missed; or after five seconds without a server, and is then created
     * as soon as there is one.
     *
     * @param key the key, or the first one
     * @param option which keys, and what to be told
     * @param listener is told
     * @return the watch
     * @throws io.etcdkit.common.exception.ClosedClientException if the client is closed
     */
    Watcher watch(ByteSequence key, WatchOption option, Listener listener);

    /**
     * Watches a key; see {@link #watch(ByteSequence, WatchOption, Listener)}.
     *
     * @param key the key
     * @param listener is told
     * @return the watch
     */
    default Watcher watch(ByteSequence key, Listener listener) {
        return watch(key, WatchOption.DEFAULT, listener);
    }

    /**
     * Watches a key; see {@link #watch(ByteSequence, WatchOption, Listener)}.
     *
     * @param key the key
     * @param onNext takes each response
     * @return the watch
     */
    default Watcher watch(ByteSequence key, Consumer<WatchResponse> onNext) {
        return watch(key, WatchOption.DEFAULT, listener(onNext));
    }

    /**
     * Watches a key; see {@link #watch(ByteSequence, WatchOption, Listener)}.
     *
     * @param key the key
     * @param onNext takes each response
     * @param onError takes the error that ends the watch
     * @return the watch
     */
    default Watcher watch(
            ByteSequence key, Consumer<WatchResponse> onNext, Consumer<Throwable> onError) {
        return watch(key, WatchOption.DEFAULT, listener(onNext, onError));
    }

    /**
     * Watches a key; see {@link #watch(ByteSequence, WatchOption, Listener)}.
     *
     * @param key the key
     * @param onNext takes each response
     * @param onError takes the error that ends the watch
     * @param onCompleted runs when the watch has ended
     * @return the watch
     */
    default Watcher watch(
            ByteSequence key,
            Consumer<WatchResponse> onNext,
            Consumer<Throwable> onError,
            Runnable onCompleted) {
        return watch(key, WatchOption.DEFAULT, listener(onNext, onError, onCompleted));
    }

    /**
     * Watches a key; see {@link #watch(ByteSequence, WatchOption, Listener)}.
     *
     * @param key the key
     * @param onNext takes each response
     * @param onCompleted runs when the watch has ended
     * @return the watch
     */
    default Watcher watch(ByteSequence key, Consumer<WatchResponse> onNext, Runnable onCompleted) {
        return watch(key, WatchOption.DEFAULT, listener(onNext, onCompleted));
    }

    /**
     * Watches a key or a range; see {@link #watch(ByteSequence, WatchOption, Listener)}.
     *
     * @param key the key, or the first one
     * @param option which keys, and what to be told
     * @param onNext takes each response
     * @return the watch
     */
    default Watcher watch(ByteSequence key, WatchOption option, Consumer<WatchResponse> onNext) {
        return watch(key, option, listener(onNext));
    }

    /**
     * Watches a key or a range; see {@link #watch(ByteSequence, WatchOption, Listener)}.
     *
     * @param key the key, or the first one
     * @param option which keys, and what to be told
     * @param onNext takes each response
     * @param onError takes the error that ends the watch
     * @return the watch
     */
    default Watcher watch(
            ByteSequence key,
            WatchOption option,
            Consumer<WatchResponse> onNext,
            Consumer<Throwable> onError) {
        return watch(key, option, listener(onNext, onError));
    }

    /**
     * Watches a key or a range; see {@link #watch(ByteSequence, WatchOption, Listener)}.
     *
     * @param key the key, or the first one
     * @param option which keys, and what to be told
     * @param onNext takes each response
     * @param onError takes the error that ends the watch
     * @param onCompleted runs when the watch has ended
     * @return the watch
     */
    default Watcher watch(
            ByteSequence key,
            WatchOption option,
            Consumer<WatchResponse> onNext,
            Consumer<Throwable> onError,
            Runnable onCompleted) {
        return watch(key, option, listener(onNext, onError, onCompleted));
    }

    /**
     * Watches a key or a range; see {@link #watch(ByteSequence, WatchOption, Listener)}.
     *
     * @param key the key, or the first one
     * @param option which keys, and what to be told
     * @param onNext takes each response
     * @param onCompleted runs when the watch has ended
     * @return the watch
     */
    default Watcher watch(
            ByteSequence key,
            WatchOption option,
            Consumer<WatchResponse> onNext,
            Runnable onCompleted) {
        return watch(key, option, listener(onNext, onCompleted));
    }

    /**
     * Asks up to which revision the watches of this client have been served; each is told as a
     * response without events.
     */
    void requestProgress();

    /**
     * Makes a listener of functions.
     *
     * @param onNext takes each response
     * @return the listener
     */
    static Listener listener(Consumer<WatchResponse> onNext) {
        return listener(onNext, error -> {}, () -> {});
    }

    /**
     * Makes a listener of functions.
     *
     * @param onNext takes each response
     * @param onError takes the error that ends the watch
     * @return the listener
     */
    static Listener listener(Consumer<WatchResponse> onNext, Consumer<Throwable> onError) {
        return listener(onNext, onError, () -> {});
    }

    /**
     * Makes a listener of functions.
     *
     * @param onNext takes each response
     * @param onError takes the error that ends the watch
     * @param onCompleted runs when the watch has ended
     * @return the listener
     */
    static Listener listener(
            Consumer<WatchResponse> onNext, Consumer<Throwable> onError, Runnable onCompleted) {
        return new FunctionListener(onNext, onError, onCompleted);
    }

    /**
     * Makes a listener of functions.
     *
     * @param onNext takes each response
     * @param onCompleted runs when the watch has ended
     * @return the listener
     */
    static Listener listener(Consumer<WatchResponse> onNext, Runnable onCompleted) {
        return listener(onNext, error -> {}, onCompleted);
    }

    /** Is told what happens, one call at a time. */
    interface Listener {
        /**
         * Something happened.
         *
         * @param response what
         */
        void onNext(WatchResponse response);

        /**
         * The watch has failed for good. {@link #onCompleted} follows.
         *
         * @param throwable why; a {@link io.etcdkit.common.exception.CompactedException} when its
         *     history is gone
         */
        void onError(Throwable throwable);

        /** The watch has ended; nothing follows. */
        void onCompleted();
    }

    /** A watch. */
    interface Watcher extends Closeable {
        /** Ends the watch. Closing again does nothing. */
        @Override
        void close();

        /** {@return whether the watch has ended} */
        boolean isClosed();

        /** Asks up to which revision the watches of this client have been served. */
        void requestProgress();
    }
}
