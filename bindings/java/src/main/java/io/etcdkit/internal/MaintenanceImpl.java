package io.etcdkit.internal;

import static java.util.Objects.requireNonNull;

import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.etcdkit.Maintenance;
import io.etcdkit.bridge.v1.EndpointCall;
import io.etcdkit.common.exception.EtcdException;
import io.etcdkit.common.exception.EtcdExceptionFactory;
import io.etcdkit.grpc.StreamObserver;
import io.etcdkit.internal.etcdserverpb.AlarmRequest;
import io.etcdkit.internal.etcdserverpb.DefragmentRequest;
import io.etcdkit.internal.etcdserverpb.HashKVRequest;
import io.etcdkit.internal.etcdserverpb.MoveLeaderRequest;
import io.etcdkit.internal.etcdserverpb.SnapshotRequest;
import io.etcdkit.internal.etcdserverpb.StatusRequest;
import io.etcdkit.maintenance.AlarmMember;
import io.etcdkit.maintenance.AlarmResponse;
import io.etcdkit.maintenance.AlarmType;
import io.etcdkit.maintenance.DefragmentResponse;
import io.etcdkit.maintenance.HashKVResponse;
import io.etcdkit.maintenance.MoveLeaderResponse;
import io.etcdkit.maintenance.SnapshotResponse;
import io.etcdkit.maintenance.StatusResponse;
import io.etcdkit.support.CloseableClient;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.stream.Collectors;

/** {@link Maintenance} on the core. */
final class MaintenanceImpl implements Maintenance {
    private final Connection connection;
    private final Streams streams = new Streams();

    MaintenanceImpl(Connection connection) {
        this.connection = connection;
    }

    @Override
    public CompletableFuture<AlarmResponse> listAlarms() {
        return alarm(AlarmRequest.newBuilder().setAction(AlarmRequest.AlarmAction.GET).build());
    }

    @Override
    public CompletableFuture<AlarmResponse> alarmDisarm(AlarmMember member) {
        requireNonNull(member, "member");
        return alarm(
                AlarmRequest.newBuilder()
                        .setAction(AlarmRequest.AlarmAction.DEACTIVATE)
                        .setMemberID(member.getMemberId())
                        .setAlarmValue(member.getAlarmType().ordinal())
                        .build());
    }

    private CompletableFuture<AlarmResponse> alarm(AlarmRequest request) {
        return connection.call(
                Methods.MAINTENANCE_ALARM,
                request,
                io.etcdkit.internal.etcdserverpb.AlarmResponse.parser(),
                answer ->
                        new AlarmResponse(
                                Responses.header(answer.getHeader()),
                                alarms(answer.getAlarmsList())));
    }

    @Override
    public CompletableFuture<DefragmentResponse> defragmentMember(String target) {
        return at(
                target,
                Methods.MAINTENANCE_DEFRAGMENT,
                DefragmentRequest.getDefaultInstance(),
                io.etcdkit.internal.etcdserverpb.DefragmentResponse.parser(),
                answer -> new DefragmentResponse(Responses.header(answer.getHeader())));
    }

    @Override
    public CompletableFuture<StatusResponse> statusMember(String target) {
        return at(
                target,
                Methods.MAINTENANCE_STATUS,
                StatusRequest.getDefaultInstance(),
                io.etcdkit.internal.etcdserverpb.StatusResponse.parser(),
                answer ->
                        new StatusResponse(
                                Responses.header(answer.getHeader()),
                                answer.getVersion(),
                                answer.getDbSize(),
                                answer.getLeader(),
                                answer.getRaftIndex(),
                                answer.getRaftTerm(),
                                answer.getRaftAppliedIndex(),
                                answer.getErrorsList(),
                                answer.getDbSizeInUse(),
                                answer.getIsLearner()));
    }

    @Override
    public CompletableFuture<HashKVResponse> hashKV(String target, long rev) {
        return at(
                target,
                Methods.MAINTENANCE_HASH_KV,
                HashKVRequest.newBuilder().setRevision(rev).build(),
                io.etcdkit.internal.etcdserverpb.HashKVResponse.parser(),
                answer ->
                        new HashKVResponse(
                                Responses.header(answer.getHeader()),
                                answer.getHash(),
                                answer.getCompactRevision()));
    }

    @Override
    public CompletableFuture<MoveLeaderResponse> moveLeader(long transfereeID) {
        return connection.call(
                Methods.MAINTENANCE_MOVE_LEADER,
                MoveLeaderRequest.newBuilder().setTargetID(transfereeID).build(),
                io.etcdkit.internal.etcdserverpb.MoveLeaderResponse.parser(),
                answer -> new MoveLeaderResponse(Responses.header(answer.getHeader())));
    }

    @Override
    public CompletableFuture<Long> snapshot(OutputStream output) {
        requireNonNull(output, "output");
        CompletableFuture<Long> written = new CompletableFuture<>();
        Writing writing = new Writing(output, written);
        writing.snapshot = open(writing);
        written.whenComplete((bytes, error) -> writing.snapshot.close());
        return written;
    }

    @Override
    public void snapshot(StreamObserver<SnapshotResponse> observer) {
        requireNonNull(observer, "observer");
        open(observer);
    }

    private Snapshot open(StreamObserver<SnapshotResponse> observer) {
        Snapshot snapshot = new Snapshot(observer);
        streams.add(snapshot.pump);
        snapshot.pump.open(Methods.SNAPSHOT, SnapshotRequest.getDefaultInstance());
        return snapshot;
    }

    @Override
    public void close() {
        streams.close();
    }

    private <M, T> CompletableFuture<T> at(
            String target,
            int method,
            MessageLite request,
            Parser<M> parser,
            Function<M, T> convert) {
        requireNonNull(target, "target");
        EndpointCall call =
                EndpointCall.newBuilder()
                        .setEndpoint(Targets.endpoints(target).get(0))
                        .setMethod(method)
                        .setRequest(request.toByteString())
                        .build();
        return connection.call(Methods.CLIENT_CALL_AT, call, parser, convert);
    }

    private static List<AlarmMember> alarms(
            List<io.etcdkit.internal.etcdserverpb.AlarmMember> alarms) {
        return alarms.stream()
                .map(alarm -> new AlarmMember(alarm.getMemberID(), type(alarm.getAlarmValue())))
                .collect(Collectors.toList());
    }

    private static AlarmType type(int number) {
        AlarmType[] types = AlarmType.values();
        return number >= 0 && number < types.length ? types[number] : AlarmType.UNRECOGNIZED;
    }

    /** Writes a snapshot to a stream. */
    private static final class Writing implements StreamObserver<SnapshotResponse> {
        private final OutputStream output;
        private final CompletableFuture<Long> written;
        private long bytes;
        private volatile CloseableClient snapshot;

        Writing(OutputStream output, CompletableFuture<Long> written) {
            this.output = output;
            this.written = written;
        }

        @Override
        public void onNext(SnapshotResponse piece) {
            try {
                piece.getBlob().writeTo(output);
                bytes += piece.getBlob().size();
            } catch (IOException error) {
                written.completeExceptionally(error);
            }
        }

        @Override
        public void onError(Throwable error) {
            written.completeExceptionally(error);
        }

        @Override
        public void onCompleted() {
            written.complete(bytes);
        }
    }

    private final class Snapshot
            implements CloseableClient,
                    Pump.Sink<io.etcdkit.internal.etcdserverpb.SnapshotResponse> {
        private final StreamObserver<SnapshotResponse> observer;
        private final Pump<io.etcdkit.internal.etcdserverpb.SnapshotResponse> pump =
                new Pump<>(
                        connection,
                        io.etcdkit.internal.etcdserverpb.SnapshotResponse.parser(),
                        this);

        Snapshot(StreamObserver<SnapshotResponse> observer) {
            this.observer = observer;
        }

        @Override
        public void close() {
            pump.close();
        }

        @Override
        public void item(io.etcdkit.internal.etcdserverpb.SnapshotResponse piece) {
            observer.onNext(
                    new SnapshotResponse(
                            Responses.header(piece.getHeader()),
                            piece.getRemainingBytes(),
                            Bytes.of(piece.getBlob())));
        }

        @Override
        public void failed(EtcdException error, int kind) {
            streams.remove(pump);
            observer.onError(error);
        }

        @Override
        public void ended(boolean closed) {
            streams.remove(pump);
            if (closed) {
                // Half a snapshot must not look like a whole one.
                observer.onError(EtcdExceptionFactory.newClosedSnapshotException());
            } else {
                observer.onCompleted();
            }
        }
    }
}
