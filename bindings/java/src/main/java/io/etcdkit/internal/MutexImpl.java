package io.etcdkit.internal;

import static java.util.Objects.requireNonNull;

import io.etcdkit.ByteSequence;
import io.etcdkit.bridge.v1.Empty;
import io.etcdkit.bridge.v1.MutexHeld;
import io.etcdkit.bridge.v1.MutexLock;
import io.etcdkit.bridge.v1.MutexLocked;
import io.etcdkit.bridge.v1.PlainKey;
import io.etcdkit.common.exception.ErrorCode;
import io.etcdkit.common.exception.EtcdException;
import io.etcdkit.common.exception.EtcdExceptionFactory;
import io.etcdkit.concurrency.Mutex;
import io.etcdkit.options.MutexOption;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicBoolean;

/** {@link Mutex} on the core. */
final class MutexImpl implements Mutex {
    private final Target session;
    private final ByteSequence name;
    private final MutexOption option;

    MutexImpl(Target session, ByteSequence name, MutexOption option) {
        this.session = session;
        this.name = requireNonNull(name, "name");
        this.option = requireNonNull(option, "option");
    }

    @Override
    public CompletableFuture<Held> lock() {
        return take(request().build());
    }

    @Override
    public CompletableFuture<Optional<Held>> lock(Duration patience) {
        long limit = Math.max(1, patience.toMillis());
        return unless(ErrorCode.ABORTED, take(request().setTimeoutMs(limit).build()));
    }

    @Override
    public CompletableFuture<Optional<Held>> tryLock() {
        return unless(ErrorCode.ABORTED, take(request().setTryOnly(true).build()));
    }

    private MutexLock.Builder request() {
        MutexLock.Builder request = MutexLock.newBuilder().setName(Bytes.of(name));
        option.getPlainKey()
                .ifPresent(
                        key ->
                                request.setBridge(
                                        PlainKey.newBuilder()
                                                .setKey(Bytes.of(key))
                                                .setValue(Bytes.of(option.getPlainValue()))));
        return request;
    }

    private CompletableFuture<Held> take(MutexLock request) {
        return session.call(
                Methods.MUTEX_LOCK,
                request,
                outcome ->
                        new HeldImpl(
                                new Target(session.connection(), outcome.handle),
                                MutexLocked.parseFrom(outcome.payload)),
                Core.NO_TIMEOUT);
    }

    /** Not to get the lock is an answer where the caller said how long to wait. */
    private static CompletableFuture<Optional<Held>> unless(
            ErrorCode expected, CompletableFuture<Held> taken) {
        return taken.handle(
                (held, error) -> {
                    if (error == null) {
                        return Optional.of(held);
                    }
                    EtcdException failure = EtcdExceptionFactory.toEtcdException(error);
                    if (failure.getErrorCode() == expected) {
                        return Optional.empty();
                    }
                    throw new CompletionException(failure);
                });
    }

    private static final class HeldImpl implements Held {
        private final Target guard;
        private final ByteSequence key;
        private final long fencingToken;
        private final AtomicBoolean closed = new AtomicBoolean();

        HeldImpl(Target guard, MutexLocked locked) {
            this.guard = guard;
            this.key = Bytes.of(locked.getKey());
            this.fencingToken = locked.getRevision();
        }

        @Override
        public ByteSequence key() {
            return key;
        }

        @Override
        public long fencingToken() {
            return fencingToken;
        }

        @Override
        public CompletableFuture<Void> lost() {
            return guard.call(
                    Methods.MUTEX_LOST,
                    Empty.getDefaultInstance(),
                    outcome -> null,
                    Core.NO_TIMEOUT);
        }

        @Override
        public CompletableFuture<Boolean> unlock() {
            return guard.call(
                    Methods.MUTEX_UNLOCK,
                    Empty.getDefaultInstance(),
                    outcome -> {
                        boolean held = MutexHeld.parseFrom(outcome.payload).getHeld();
                        closed.set(true);
                        guard.close();
                        return held;
                    },
                    Core.DEFAULT_TIMEOUT);
        }

        @Override
        public void close() {
            if (closed.compareAndSet(false, true)) {
                Blocking.await(unlock());
            }
        }
    }
}
