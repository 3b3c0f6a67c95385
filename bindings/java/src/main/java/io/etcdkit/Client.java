package io.etcdkit;

import io.etcdkit.concurrency.Session;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * A client of an etcd cluster.
 *
 * <p>Made by {@link #builder}. It connects at the first call, spreads calls over the endpoints and
 * fails over; every call ends within the client's time limit. Safe for use by many threads; one
 * client is enough for a program. Closing it ends its calls with {@link
 * io.etcdkit.common.exception.ClosedClientException}.
 */
public interface Client extends AutoCloseable {
    /** {@return a builder with the defaults} */
    static ClientBuilder builder() {
        return new ClientBuilder();
    }

    /** {@return users, roles and what they may do} */
    Auth getAuthClient();

    /** {@return keys and values} */
    KV getKVClient();

    /** {@return the members of the cluster} */
    Cluster getClusterClient();

    /** {@return what operators do} */
    Maintenance getMaintenanceClient();

    /** {@return leases} */
    Lease getLeaseClient();

    /** {@return watches} */
    Watch getWatchClient();

    /** {@return the lock service} */
    Lock getLockClient();

    /** {@return elections} */
    Election getElectionClient();

    /**
     * Opens a session, in whose name locks are held.
     *
     * @param ttl for how long its lease, and so its locks, outlive the process; at least a second
     * @return the session
     */
    CompletableFuture<Session> openSession(Duration ttl);

    /**
     * Replaces the endpoints. Calls under way are not disturbed.
     *
     * @param endpoints the new ones, such as {@code http://127.0.0.1:2379}
     * @return completes when they are in use
     */
    CompletableFuture<Void> setEndpoints(List<String> endpoints);

    /** Ends all calls, watches and keep-alives of this client. Closing again does nothing. */
    @Override
    void close();
}
