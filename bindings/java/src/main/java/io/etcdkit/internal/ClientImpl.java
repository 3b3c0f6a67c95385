package io.etcdkit.internal;

import io.etcdkit.Auth;
import io.etcdkit.Client;
import io.etcdkit.Cluster;
import io.etcdkit.Election;
import io.etcdkit.KV;
import io.etcdkit.Lease;
import io.etcdkit.Lock;
import io.etcdkit.Maintenance;
import io.etcdkit.Watch;
import io.etcdkit.bridge.v1.ClientConfig;
import io.etcdkit.bridge.v1.Endpoints;
import io.etcdkit.bridge.v1.SessionConfig;
import io.etcdkit.bridge.v1.SessionOpened;
import io.etcdkit.concurrency.Session;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

/** {@link Client} on the core. */
public final class ClientImpl implements Client {
    private final Connection connection;
    private final KV kv;
    private final Lease lease;
    private final Watch watch;
    private final Lock lock;
    private final Election election;
    private final Auth auth;
    private final Cluster cluster;
    private final Maintenance maintenance;

    private ClientImpl(Connection connection) {
        this.connection = connection;
        kv = new KVImpl(connection);
        lease = new LeaseImpl(connection);
        watch = new WatchImpl(connection);
        lock = new LockImpl(connection);
        election = new ElectionImpl(connection);
        auth = new AuthImpl(connection);
        cluster = new ClusterImpl(connection);
        maintenance = new MaintenanceImpl(connection);
    }

    /**
     * Opens a client.
     *
     * @param config how
     * @param executor runs callbacks; null for threads of the SDK
     * @return the client
     */
    public static Client open(ClientConfig config, Executor executor) {
        Executor callbacks = executor == null ? Core.callbacks() : executor;
        Call<Connection> call =
                new Call<>(callbacks, outcome -> new Connection(outcome.handle, callbacks));
        call.start(0, Methods.CLIENT_OPEN, config.toByteArray(), Core.DEFAULT_TIMEOUT);
        return new ClientImpl(Blocking.await(call));
    }

    @Override
    public Auth getAuthClient() {
        return auth;
    }

    @Override
    public KV getKVClient() {
        return kv;
    }

    @Override
    public Cluster getClusterClient() {
        return cluster;
    }

    @Override
    public Maintenance getMaintenanceClient() {
        return maintenance;
    }

    @Override
    public Lease getLeaseClient() {
        return lease;
    }

    @Override
    public Watch getWatchClient() {
        return watch;
    }

    @Override
    public Lock getLockClient() {
        return lock;
    }

    @Override
    public Election getElectionClient() {
        return election;
    }

    @Override
    public CompletableFuture<Session> openSession(Duration ttl) {
        SessionConfig config =
                SessionConfig.newBuilder().setTtl(Math.max(1, ttl.toSeconds())).build();
        return connection.start(
                Methods.SESSION_OPEN,
                config,
                outcome ->
                        new SessionImpl(
                                connection,
                                outcome.handle,
                                SessionOpened.parseFrom(outcome.payload).getLease()),
                Core.DEFAULT_TIMEOUT);
    }

    @Override
    public CompletableFuture<Void> setEndpoints(List<String> endpoints) {
        return connection.start(
                Methods.CLIENT_SET_ENDPOINTS,
                Endpoints.newBuilder().addAllEndpoints(endpoints).build(),
                outcome -> null,
                Core.DEFAULT_TIMEOUT);
    }

    @Override
    public void close() {
        watch.close();
        lease.close();
        election.close();
        maintenance.close();
        connection.close();
    }
}
