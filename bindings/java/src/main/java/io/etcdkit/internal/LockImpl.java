package io.etcdkit.internal;

import static java.util.Objects.requireNonNull;

import io.etcdkit.ByteSequence;
import io.etcdkit.Lock;
import io.etcdkit.internal.v3lockpb.LockRequest;
import io.etcdkit.internal.v3lockpb.UnlockRequest;
import io.etcdkit.lock.LockResponse;
import io.etcdkit.lock.UnlockResponse;
import java.util.concurrent.CompletableFuture;

/** {@link Lock} on the core. */
final class LockImpl implements Lock {
    private final Connection connection;

    LockImpl(Connection connection) {
        this.connection = connection;
    }

    @Override
    public CompletableFuture<LockResponse> lock(ByteSequence name, long leaseId) {
        requireNonNull(name, "name");
        return connection.call(
                Methods.LOCK_SERVICE_LOCK,
                LockRequest.newBuilder().setName(Bytes.of(name)).setLease(leaseId).build(),
                io.etcdkit.internal.v3lockpb.LockResponse.parser(),
                locked ->
                        new LockResponse(
                                Responses.header(locked.getHeader()), Bytes.of(locked.getKey())));
    }

    @Override
    public CompletableFuture<UnlockResponse> unlock(ByteSequence lockKey) {
        requireNonNull(lockKey, "lockKey");
        return connection.call(
                Methods.LOCK_SERVICE_UNLOCK,
                UnlockRequest.newBuilder().setKey(Bytes.of(lockKey)).build(),
                io.etcdkit.internal.v3lockpb.UnlockResponse.parser(),
                unlocked -> new UnlockResponse(Responses.header(unlocked.getHeader())));
    }
}
