package io.etcdkit.internal;

import io.etcdkit.ByteSequence;
import io.etcdkit.bridge.v1.Empty;
import io.etcdkit.common.exception.EtcdException;
import io.etcdkit.concurrency.Mutex;
import io.etcdkit.concurrency.Session;
import io.etcdkit.options.MutexOption;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;

/** {@link Session} on the core. */
final class SessionImpl implements Session {
    private final Target target;
    private final long lease;
    private final AtomicBoolean closed = new AtomicBoolean();

    SessionImpl(Connection connection, long number, long lease) {
        this.target = new Target(connection, number);
        this.lease = lease;
    }

    @Override
    public long lease() {
        return lease;
    }

    @Override
    public Mutex mutex(ByteSequence name) {
        return mutex(name, MutexOption.DEFAULT);
    }

    @Override
    public Mutex mutex(ByteSequence name, MutexOption option) {
        return new MutexImpl(target, name, option);
    }

    @Override
    public CompletableFuture<Void> done() {
        return target.<Void>call(
                        Methods.SESSION_DONE,
                        Empty.getDefaultInstance(),
                        outcome -> null,
                        Core.NO_TIMEOUT)
                // A session whose handle is closed has ended too.
                .handle((nothing, error) -> null);
    }

    @Override
    public void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        try {
            Blocking.await(
                    target.call(
                            Methods.SESSION_CLOSE,
                            Empty.getDefaultInstance(),
                            outcome -> null,
                            Core.DEFAULT_TIMEOUT));
        } catch (EtcdException unreachable) {
            // The lease then ends by itself, as it does when the process dies.
        } finally {
            target.close();
        }
    }
}
