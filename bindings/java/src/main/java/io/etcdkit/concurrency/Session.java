package io.etcdkit.concurrency;

import io.etcdkit.ByteSequence;
import io.etcdkit.options.MutexOption;
import java.util.concurrent.CompletableFuture;

/**
 * A lease that is renewed as long as the session is open; locks are held in its name. Safe for use
 * by many threads.
 *
 * <p>Opened by {@link io.etcdkit.Client#openSession}.
 */
public interface Session extends AutoCloseable {
    /** {@return the lease} */
    long lease();

    /**
     * Names a lock. The name is shared with {@code etcdctl lock}, Go's {@code concurrency} package,
     * the lock service and all SDKs of etcdkit.
     *
     * @param name the name
     * @return the lock, which this does not take yet
     */
    Mutex mutex(ByteSequence name);

    /**
     * Names a lock and the keys it is made of.
     *
     * @param name the name
     * @param option the keys
     * @return the lock, which this does not take yet
     */
    Mutex mutex(ByteSequence name, MutexOption option);

    /** {@return completes when the session has ended: it was closed, or its lease is lost} */
    CompletableFuture<Void> done();

    /**
     * Ends the session and revokes its lease: locks it holds become free. Waits for the server.
     * Closing again does nothing.
     */
    @Override
    void close();
}
