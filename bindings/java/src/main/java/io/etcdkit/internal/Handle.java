package io.etcdkit.internal;

import java.lang.ref.Cleaner;

/**
 * An object of the core. It is closed when its owner is, or when its owner is not reachable any
 * more.
 */
final class Handle {
    private static final Cleaner CLEANER = Cleaner.create();

    private final long number;
    private final Cleaner.Cleanable closing;

    /**
     * {@code owner} must not be reachable from the core's pending calls for longer than it is used.
     */
    Handle(Object owner, long number) {
        this.number = number;
        this.closing = CLEANER.register(owner, new Closing(number));
    }

    long number() {
        return number;
    }

    /** Closing again does nothing. */
    void close() {
        closing.clean();
    }

    private static final class Closing implements Runnable {
        private final long number;

        Closing(long number) {
            this.number = number;
        }

        @Override
        public void run() {
            Native.close(number);
        }
    }
}
