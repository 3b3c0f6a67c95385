package io.etcdkit;

import io.etcdkit.grpc.StreamObserver;
import io.etcdkit.lease.LeaseGrantResponse;
import io.etcdkit.lease.LeaseKeepAliveResponse;
import io.etcdkit.lease.LeaseRevokeResponse;
import io.etcdkit.lease.LeaseTimeToLiveResponse;
import io.etcdkit.options.LeaseOption;
import io.etcdkit.support.CloseableClient;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Leases: keys that belong to one are deleted when it ends. Safe for use by many threads. */
public interface Lease extends CloseableClient {
    /**
     * Makes a lease (RPC Lease.LeaseGrant).
     *
     * @param ttl for how many seconds it lives without being renewed; the server may raise it
     * @return the lease
     */
    CompletableFuture<LeaseGrantResponse> grant(long ttl);

    /**
     * Makes a lease (RPC Lease.LeaseGrant).
     *
     * @param ttl for how many seconds it lives without being renewed; the server may raise it
     * @param timeout how long to wait for the server
     * @param unit of the timeout
     * @return the lease
     */
    CompletableFuture<LeaseGrantResponse> grant(long ttl, long timeout, TimeUnit unit);

    /**
     * Makes a lease with an id of its own (RPC Lease.LeaseGrant).
     *
     * @param ttl for how many seconds it lives without being renewed; the server may raise it
     * @param leaseId the id; fails if there is such a lease
     * @return the lease
     */
    CompletableFuture<LeaseGrantResponse> grantWithId(long ttl, long leaseId);

    /**
     * Ends a lease and deletes its keys (RPC Lease.LeaseRevoke).
     *
     * @param leaseId the lease
     * @return the answer
     */
    CompletableFuture<LeaseRevokeResponse> revoke(long leaseId);

    /**
     * Renews a lease once (RPC Lease.LeaseKeepAlive).
     *
     * @param leaseId the lease
     * @return the renewal; fails with code NOT_FOUND when there is no such lease
     */
    CompletableFuture<LeaseKeepAliveResponse> keepAliveOnce(long leaseId);

    /**
     * Tells what is left of a lease (RPC Lease.LeaseTimeToLive).
     *
     * @param leaseId the lease
     * @param leaseOption what to tell
     * @return what is left; a TTL of -1 when there is no such lease
     */
    CompletableFuture<LeaseTimeToLiveResponse> timeToLive(long leaseId, LeaseOption leaseOption);

    /**
     * Lists the leases there are (RPC Lease.LeaseLeases).
     *
     * @return their ids
     */
    CompletableFuture<List<Long>> leases();

    /**
     * Renews a lease at a third of its time until the returned object is closed (RPC
     * Lease.LeaseKeepAlive), also over lost connections.
     *
     * @param leaseId the lease
     * @param observer is told each renewal, and the loss of the lease as an error of code
     *     NOT_FOUND; never a silent end
     * @return closes the keep-alive; the lease then lives on for its time
     */
    CloseableClient keepAlive(long leaseId, StreamObserver<LeaseKeepAliveResponse> observer);
}
