package io.etcdkit.concurrency;

import io.etcdkit.ByteSequence;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * A lock that one session at a time holds, of all processes that use its name; who waits gets it in
 * the order of coming. Safe for use by many threads, but one session holds it once.
 */
public interface Mutex {
    /**
     * Takes the lock; waits, without limit, until it is free. Cancelling the future leaves the
     * line.
     *
     * @return the lock while it is held
     */
    CompletableFuture<Held> lock();

    /**
     * Takes the lock if it becomes free in time.
     *
     * @param patience how long to wait
     * @return the lock while it is held; empty if the time was over first, and then nothing is left
     *     in the line
     */
    CompletableFuture<Optional<Held>> lock(Duration patience);

    /**
     * Takes the lock if it is free.
     *
     * @return the lock while it is held; empty if somebody else holds it
     */
    CompletableFuture<Optional<Held>> tryLock();

    /** A lock that is held. */
    interface Held extends AutoCloseable {
        /** {@return the key of the owner} */
        ByteSequence key();

        /**
         * {@return a number that grows from owner to owner. Give it to what the lock protects, so
         * that it can refuse an owner that has lost the lock without noticing.}
         */
        long fencingToken();

        /**
         * {@return completes when the lock is lost, because its lease has ended or its key was
         * deleted}
         */
        CompletableFuture<Void> lost();

        /**
         * Gives the lock back.
         *
         * @return whether it was still held
         */
        CompletableFuture<Boolean> unlock();

        /** Gives the lock back and waits for it. Closing again does nothing. */
        @Override
        void close();
    }
}
