package io.etcdkit;

import io.etcdkit.grpc.StreamObserver;
import io.etcdkit.maintenance.AlarmMember;
import io.etcdkit.maintenance.AlarmResponse;
import io.etcdkit.maintenance.DefragmentResponse;
import io.etcdkit.maintenance.HashKVResponse;
import io.etcdkit.maintenance.MoveLeaderResponse;
import io.etcdkit.maintenance.SnapshotResponse;
import io.etcdkit.maintenance.StatusResponse;
import io.etcdkit.support.CloseableClient;
import java.io.OutputStream;
import java.util.concurrent.CompletableFuture;

/** What operators do. Safe for use by many threads. */
public interface Maintenance extends CloseableClient {
    /**
     * Lists the alarms that are raised (RPC Maintenance.Alarm).
     *
     * @return the alarms
     */
    CompletableFuture<AlarmResponse> listAlarms();

    /**
     * Clears an alarm (RPC Maintenance.Alarm).
     *
     * @param member the alarm; member 0 and type NONE clear all
     * @return the alarms that were cleared
     */
    CompletableFuture<AlarmResponse> alarmDisarm(AlarmMember member);

    /**
     * Gives free storage of a member back to its file system (RPC Maintenance.Defragment). The
     * member answers nothing else meanwhile.
     *
     * @param target the endpoint of the member, such as {@code http://127.0.0.1:2379}; also {@code
     *     ip:///host:port}
     * @return the answer
     */
    CompletableFuture<DefragmentResponse> defragmentMember(String target);

    /**
     * Tells the state of a member (RPC Maintenance.Status).
     *
     * @param target the endpoint of the member, such as {@code http://127.0.0.1:2379}; also {@code
     *     ip:///host:port}
     * @return the state
     */
    CompletableFuture<StatusResponse> statusMember(String target);

    /**
     * Hashes the keys of a member (RPC Maintenance.HashKV).
     *
     * @param target the endpoint of the member, such as {@code http://127.0.0.1:2379}; also {@code
     *     ip:///host:port}
     * @param rev up to which revision; 0 for all
     * @return the hash
     */
    CompletableFuture<HashKVResponse> hashKV(String target, long rev);

    /**
     * Copies the storage of a member (RPC Maintenance.Snapshot).
     *
     * @param output receives the copy; stays open
     * @return how many bytes were written
     */
    CompletableFuture<Long> snapshot(OutputStream output);

    /**
     * Copies the storage of a member, piece by piece (RPC Maintenance.Snapshot).
     *
     * @param observer receives the pieces
     */
    void snapshot(StreamObserver<SnapshotResponse> observer);

    /**
     * Makes another member lead (RPC Maintenance.MoveLeader).
     *
     * @param transfereeID the member that shall lead
     * @return the answer
     */
    CompletableFuture<MoveLeaderResponse> moveLeader(long transfereeID);
}
