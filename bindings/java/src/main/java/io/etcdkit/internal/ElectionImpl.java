package io.etcdkit.internal;

import static java.util.Objects.requireNonNull;

import io.etcdkit.ByteSequence;
import io.etcdkit.Election;
import io.etcdkit.common.exception.EtcdException;
import io.etcdkit.common.exception.EtcdExceptionFactory;
import io.etcdkit.election.CampaignResponse;
import io.etcdkit.election.LeaderKey;
import io.etcdkit.election.LeaderResponse;
import io.etcdkit.election.NoLeaderException;
import io.etcdkit.election.NotLeaderException;
import io.etcdkit.election.ProclaimResponse;
import io.etcdkit.election.ResignResponse;
import io.etcdkit.internal.v3electionpb.CampaignRequest;
import io.etcdkit.internal.v3electionpb.LeaderRequest;
import io.etcdkit.internal.v3electionpb.ProclaimRequest;
import io.etcdkit.internal.v3electionpb.ResignRequest;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** {@link Election} on the core. */
final class ElectionImpl implements Election {
    private static final String NO_LEADER = "election: no leader";
    private static final String NOT_LEADER = "election: not leader";

    private final Connection connection;
    private final Streams streams = new Streams();

    ElectionImpl(Connection connection) {
        this.connection = connection;
    }

    @Override
    public CompletableFuture<CampaignResponse> campaign(
            ByteSequence electionName, long leaseId, ByteSequence proposal) {
        requireNonNull(electionName, "electionName");
        requireNonNull(proposal, "proposal");
        return connection.call(
                Methods.ELECTION_SERVICE_CAMPAIGN,
                CampaignRequest.newBuilder()
                        .setName(Bytes.of(electionName))
                        .setLease(leaseId)
                        .setValue(Bytes.of(proposal))
                        .build(),
                io.etcdkit.internal.v3electionpb.CampaignResponse.parser(),
                won ->
                        new CampaignResponse(
                                Responses.header(won.getHeader()), leaderKey(won.getLeader())));
    }

    @Override
    public CompletableFuture<ProclaimResponse> proclaim(
            LeaderKey leaderKey, ByteSequence proposal) {
        requireNonNull(leaderKey, "leaderKey");
        requireNonNull(proposal, "proposal");
        return typed(
                connection.call(
                        Methods.ELECTION_SERVICE_PROCLAIM,
                        ProclaimRequest.newBuilder()
                                .setLeader(leaderKey(leaderKey))
                                .setValue(Bytes.of(proposal))
                                .build(),
                        io.etcdkit.internal.v3electionpb.ProclaimResponse.parser(),
                        done -> new ProclaimResponse(Responses.header(done.getHeader()))));
    }

    @Override
    public CompletableFuture<LeaderResponse> leader(ByteSequence electionName) {
        requireNonNull(electionName, "electionName");
        return typed(
                connection.call(
                        Methods.ELECTION_SERVICE_LEADER,
                        LeaderRequest.newBuilder().setName(Bytes.of(electionName)).build(),
                        io.etcdkit.internal.v3electionpb.LeaderResponse.parser(),
                        ElectionImpl::leader));
    }

    @Override
    public void observe(ByteSequence electionName, Listener listener) {
        requireNonNull(electionName, "electionName");
        requireNonNull(listener, "listener");
        if (streams.isClosed()) {
            throw EtcdExceptionFactory.toEtcdException(
                    new IllegalStateException("the election client is closed"));
        }
        Observer observer = new Observer(listener);
        streams.add(observer.pump);
        observer.pump.open(
                Methods.ELECTION_OBSERVE,
                LeaderRequest.newBuilder().setName(Bytes.of(electionName)).build());
    }

    @Override
    public CompletableFuture<ResignResponse> resign(LeaderKey leaderKey) {
        requireNonNull(leaderKey, "leaderKey");
        return typed(
                connection.call(
                        Methods.ELECTION_SERVICE_RESIGN,
                        ResignRequest.newBuilder().setLeader(leaderKey(leaderKey)).build(),
                        io.etcdkit.internal.v3electionpb.ResignResponse.parser(),
                        done -> new ResignResponse(Responses.header(done.getHeader()))));
    }

    @Override
    public void close() {
        streams.close();
    }

    private static LeaderResponse leader(io.etcdkit.internal.v3electionpb.LeaderResponse response) {
        return new LeaderResponse(
                Responses.header(response.getHeader()), Responses.keyValue(response.getKv()));
    }

    private static LeaderKey leaderKey(io.etcdkit.internal.v3electionpb.LeaderKey key) {
        return new LeaderKey(
                Bytes.of(key.getName()), Bytes.of(key.getKey()), key.getRev(), key.getLease());
    }

    private static io.etcdkit.internal.v3electionpb.LeaderKey leaderKey(LeaderKey key) {
        return io.etcdkit.internal.v3electionpb.LeaderKey.newBuilder()
                .setName(Bytes.of(key.getName()))
                .setKey(Bytes.of(key.getKey()))
                .setRev(key.getRevision())
                .setLease(key.getLease())
                .build();
    }

    /** Two answers have exceptions of their own, which programs catch. */
    private static <T> CompletableFuture<T> typed(CompletableFuture<T> call) {
        return call.handle(
                (result, error) -> {
                    if (error == null) {
                        return result;
                    }
                    throw new CompletionException(typed(error));
                });
    }

    private static Throwable typed(Throwable error) {
        if (NO_LEADER.equals(error.getMessage())) {
            return new NoLeaderException().initCause(error);
        }
        return NOT_LEADER.equals(error.getMessage())
                ? new NotLeaderException().initCause(error)
                : error;
    }

    private final class Observer
            implements Pump.Sink<io.etcdkit.internal.v3electionpb.LeaderResponse> {
        private final Listener listener;
        private final Pump<io.etcdkit.internal.v3electionpb.LeaderResponse> pump =
                new Pump<>(
                        connection, io.etcdkit.internal.v3electionpb.LeaderResponse.parser(), this);

        Observer(Listener listener) {
            this.listener = listener;
        }

        @Override
        public void item(io.etcdkit.internal.v3electionpb.LeaderResponse response) {
            listener.onNext(leader(response));
        }

        @Override
        public void failed(EtcdException error, int kind) {
            streams.remove(pump);
            listener.onError(error);
        }

        @Override
        public void ended(boolean closed) {
            streams.remove(pump);
            listener.onCompleted();
        }
    }
}
