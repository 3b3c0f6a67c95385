package io.etcdkit.support;

import io.etcdkit.grpc.StreamObserver;
import java.util.Objects;
import java.util.function.Consumer;

/** Makes observers of functions. */
public final class Observers {
    private Observers() {}

    /**
     * Makes an observer that ignores the end of the stream, also an end with an error.
     *
     * @param onNext takes each item
     * @param <V> what the stream is made of
     * @return the observer
     */
    public static <V> StreamObserver<V> observer(Consumer<V> onNext) {
        return Observers.<V>builder().onNext(onNext).build();
    }

    /**
     * Begins an observer.
     *
     * @param <T> what the stream is made of
     * @return its builder
     */
    public static <T> Builder<T> builder() {
        return new Builder<>();
    }

    /**
     * Collects the functions of an observer.
     *
     * @param <V> what the stream is made of
     */
    public static final class Builder<V> {
        private Consumer<V> onNext = item -> {};
        private Consumer<Throwable> onError = error -> {};
        private Runnable onCompleted = () -> {};

        private Builder() {}

        /**
         * Sets what takes the items.
         *
         * @param function takes each item
         * @return this builder
         */
        public Builder<V> onNext(Consumer<V> function) {
            onNext = Objects.requireNonNull(function);
            return this;
        }

        /**
         * Sets what takes an error.
         *
         * @param function takes the error
         * @return this builder
         */
        public Builder<V> onError(Consumer<Throwable> function) {
            onError = Objects.requireNonNull(function);
            return this;
        }

        /**
         * Sets what is told the end.
         *
         * @param function runs at the end
         * @return this builder
         */
        public Builder<V> onCompleted(Runnable function) {
            onCompleted = Objects.requireNonNull(function);
            return this;
        }

        /** {@return the observer} */
        public StreamObserver<V> build() {
            return new FunctionObserver<>(onNext, onError, onCompleted);
        }
    }

    private static final class FunctionObserver<V> implements StreamObserver<V> {
        private final Consumer<V> onNext;
        private final Consumer<Throwable> onError;
        private final Runnable onCompleted;

        FunctionObserver(Consumer<V> onNext, Consumer<Throwable> onError, Runnable onCompleted) {
            this.onNext = onNext;
            this.onError = onError;
            this.onCompleted = onCompleted;
        }

        @Override
        public void onNext(V value) {
            onNext.accept(value);
        }

        @Override
        public void onError(Throwable error) {
            onError.accept(error);
        }

        @Override
        public void onCompleted() {
            onCompleted.run();
        }
    }
}
