package io.etcdkit.internal;

import static java.util.Objects.requireNonNull;

import io.etcdkit.Lease;
import io.etcdkit.common.exception.ErrorCode;
import io.etcdkit.common.exception.EtcdException;
import io.etcdkit.common.exception.EtcdExceptionFactory;
import io.etcdkit.grpc.StreamObserver;
import io.etcdkit.internal.etcdserverpb.LeaseGrantRequest;
import io.etcdkit.internal.etcdserverpb.LeaseKeepAliveRequest;
import io.etcdkit.internal.etcdserverpb.LeaseLeasesRequest;
import io.etcdkit.internal.etcdserverpb.LeaseLeasesResponse;
import io.etcdkit.internal.etcdserverpb.LeaseRevokeRequest;
import io.etcdkit.internal.etcdserverpb.LeaseStatus;
import io.etcdkit.internal.etcdserverpb.LeaseTimeToLiveRequest;
import io.etcdkit.lease.LeaseGrantResponse;
import io.etcdkit.lease.LeaseKeepAliveResponse;
import io.etcdkit.lease.LeaseRevokeResponse;
import io.etcdkit.lease.LeaseTimeToLiveResponse;
import io.etcdkit.options.LeaseOption;
import io.etcdkit.support.CloseableClient;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** {@link Lease} on the core. */
final class LeaseImpl implements Lease {
    private static final String NOT_FOUND = "etcdserver: requested lease not found";

    private final Connection connection;
    private final Streams streams = new Streams();

    LeaseImpl(Connection connection) {
        this.connection = connection;
    }

    @Override
    public CompletableFuture<LeaseGrantResponse> grant(long ttl) {
        return grant(ttl, 0, Core.DEFAULT_TIMEOUT);
    }

    @Override
    public CompletableFuture<LeaseGrantResponse> grant(long ttl, long timeout, TimeUnit unit) {
        return grant(ttl, 0, Math.max(1, unit.toMillis(timeout)));
    }

    @Override
    public CompletableFuture<LeaseGrantResponse> grantWithId(long ttl, long leaseId) {
        return grant(ttl, leaseId, Core.DEFAULT_TIMEOUT);
    }

    private CompletableFuture<LeaseGrantResponse> grant(long ttl, long id, long timeoutMs) {
        return connection.call(
                Methods.LEASE_GRANT,
                LeaseGrantRequest.newBuilder().setTTL(ttl).setID(id).build(),
                io.etcdkit.internal.etcdserverpb.LeaseGrantResponse.parser(),
                granted ->
                        new LeaseGrantResponse(
                                Responses.header(granted.getHeader()),
                                granted.getID(),
                                granted.getTTL()),
                timeoutMs);
    }

    @Override
    public CompletableFuture<LeaseRevokeResponse> revoke(long leaseId) {
        return connection.call(
                Methods.LEASE_REVOKE,
                LeaseRevokeRequest.newBuilder().setID(leaseId).build(),
                io.etcdkit.internal.etcdserverpb.LeaseRevokeResponse.parser(),
                revoked -> new LeaseRevokeResponse(Responses.header(revoked.getHeader())));
    }

    @Override
    public CompletableFuture<LeaseKeepAliveResponse> keepAliveOnce(long leaseId) {
        return connection.call(
                Methods.LEASE_KEEP_ALIVE_ONCE,
                LeaseKeepAliveRequest.newBuilder().setID(leaseId).build(),
                io.etcdkit.internal.etcdserverpb.LeaseKeepAliveResponse.parser(),
                renewed -> {
                    if (renewed.getTTL() <= 0) {
                        throw lost();
                    }
                    return renewal(renewed);
                });
    }

    @Override
    public CompletableFuture<LeaseTimeToLiveResponse> timeToLive(long leaseId, LeaseOption option) {
        requireNonNull(option, "option");
        return connection.call(
                Methods.LEASE_TIME_TO_LIVE,
                LeaseTimeToLiveRequest.newBuilder()
                        .setID(leaseId)
                        .setKeys(option.isAttachedKeys())
                        .build(),
                io.etcdkit.internal.etcdserverpb.LeaseTimeToLiveResponse.parser(),
                left ->
                        new LeaseTimeToLiveResponse(
                                Responses.header(left.getHeader()),
                                left.getID(),
                                left.getTTL(),
                                left.getGrantedTTL(),
                                Bytes.of(left.getKeysList())));
    }

    @Override
    public CompletableFuture<List<Long>> leases() {
        return connection.call(
                Methods.LEASE_LEASES,
                LeaseLeasesRequest.getDefaultInstance(),
                LeaseLeasesResponse.parser(),
                leases ->
                        leases.getLeasesList().stream()
                                .map(LeaseStatus::getID)
                                .collect(Collectors.toUnmodifiableList()));
    }

    @Override
    public CloseableClient keepAlive(
            long leaseId, StreamObserver<LeaseKeepAliveResponse> observer) {
        requireNonNull(observer, "observer");
        if (streams.isClosed()) {
            throw EtcdExceptionFactory.newClosedLeaseClientException();
        }
        KeepAlive keepAlive = new KeepAlive(observer);
        streams.add(keepAlive.pump);
        keepAlive.pump.open(
                Methods.LEASE_KEEP_ALIVE,
                LeaseKeepAliveRequest.newBuilder().setID(leaseId).build());
        return keepAlive;
    }

    @Override
    public void close() {
        streams.close();
    }

    private static LeaseKeepAliveResponse renewal(
            io.etcdkit.internal.etcdserverpb.LeaseKeepAliveResponse renewed) {
        return new LeaseKeepAliveResponse(
                Responses.header(renewed.getHeader()), renewed.getID(), renewed.getTTL());
    }

    private static EtcdException lost() {
        return EtcdExceptionFactory.newEtcdException(ErrorCode.NOT_FOUND, NOT_FOUND);
    }

    private final class KeepAlive
            implements CloseableClient,
                    Pump.Sink<io.etcdkit.internal.etcdserverpb.LeaseKeepAliveResponse> {
        private final StreamObserver<LeaseKeepAliveResponse> observer;
        private final Pump<io.etcdkit.internal.etcdserverpb.LeaseKeepAliveResponse> pump =
                new Pump<>(
                        connection,
                        io.etcdkit.internal.etcdserverpb.LeaseKeepAliveResponse.parser(),
                        this);

        /** Closed by who opened it: then the observer is told nothing more, as jetcd does. */
        private volatile boolean closedByUser;

        KeepAlive(StreamObserver<LeaseKeepAliveResponse> observer) {
            this.observer = observer;
        }

        @Override
        public void close() {
            closedByUser = true;
            pump.close();
        }

        @Override
        public void item(io.etcdkit.internal.etcdserverpb.LeaseKeepAliveResponse renewed) {
            observer.onNext(renewal(renewed));
        }

        @Override
        public void failed(EtcdException error, int kind) {
            streams.remove(pump);
            boolean gone = kind == Kinds.LEASE_LOST || error.getErrorCode() == ErrorCode.NOT_FOUND;
            observer.onError(gone ? lost() : error);
        }

        @Override
        public void ended(boolean closed) {
            streams.remove(pump);
            if (!closedByUser) {
                observer.onError(EtcdExceptionFactory.newClosedLeaseClientException());
            }
        }
    }
}
