package io.etcdkit.grpc;

/**
 * Receives a stream. The methods are called one at a time, on a thread of the client's executor,
 * and nothing follows {@link #onError} or {@link #onCompleted}.
 *
 * @param <V> what the stream is made of
 */
public interface StreamObserver<V> {
    /**
     * Receives an item.
     *
     * @param value the item
     */
    void onNext(V value);

    /**
     * The stream has failed.
     *
     * @param t why; an {@link io.etcdkit.common.exception.EtcdException}
     */
    void onError(Throwable t);

    /** The stream has ended. */
    void onCompleted();
}
