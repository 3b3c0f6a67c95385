package io.etcdkit;

import io.etcdkit.lock.LockResponse;
import io.etcdkit.lock.UnlockResponse;
import io.etcdkit.support.CloseableClient;
import java.util.concurrent.CompletableFuture;

/**
 * The lock service of the server. Its locks exclude those of {@code etcdctl lock}, of Go's {@code
 * concurrency} package and of {@link io.etcdkit.concurrency.Mutex}, which also renews its lease and
 * tells when the lock is lost. Safe for use by many threads.
 */
public interface Lock extends CloseableClient {
    /**
     * Takes a lock (RPC Lock.Lock). Waits, without limit, until it is free; cancelling the future
     * leaves the line.
     *
     * @param name the name of the lock
     * @param leaseId the lease that holds the lock: it is lost when the lease ends. With 0 the
     *     server makes one of 60 seconds that nobody renews.
     * @return the lock
     */
    CompletableFuture<LockResponse> lock(ByteSequence name, long leaseId);

    /**
     * Gives a lock back (RPC Lock.Unlock).
     *
     * @param lockKey the key that {@link #lock} answered
     * @return the answer
     */
    CompletableFuture<UnlockResponse> unlock(ByteSequence lockKey);
}
