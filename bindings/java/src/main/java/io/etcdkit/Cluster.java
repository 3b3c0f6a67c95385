package io.etcdkit;

import io.etcdkit.cluster.MemberAddResponse;
import io.etcdkit.cluster.MemberListResponse;
import io.etcdkit.cluster.MemberPromoteResponse;
import io.etcdkit.cluster.MemberRemoveResponse;
import io.etcdkit.cluster.MemberUpdateResponse;
import io.etcdkit.support.CloseableClient;
import java.net.URI;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** The members of the cluster. Safe for use by many threads. */
public interface Cluster extends CloseableClient {
    /**
     * Lists the members (RPC Cluster.MemberList).
     *
     * @return the cluster
     */
    CompletableFuture<MemberListResponse> listMember();

    /**
     * Adds a member (RPC Cluster.MemberAdd).
     *
     * @param peerAddrs where other members reach it
     * @return the cluster
     */
    CompletableFuture<MemberAddResponse> addMember(List<URI> peerAddrs);

    /**
     * Adds a member (RPC Cluster.MemberAdd).
     *
     * @param peerAddrs where other members reach it
     * @param isLearner whether it does not vote until it is promoted
     * @return the cluster
     */
    CompletableFuture<MemberAddResponse> addMember(List<URI> peerAddrs, boolean isLearner);

    /**
     * Removes a member (RPC Cluster.MemberRemove).
     *
     * @param memberID the member
     * @return the cluster
     */
    CompletableFuture<MemberRemoveResponse> removeMember(long memberID);

    /**
     * Changes where a member is reached by others (RPC Cluster.MemberUpdate).
     *
     * @param memberID the member
     * @param peerAddrs where other members reach it
     * @return the cluster
     */
    CompletableFuture<MemberUpdateResponse> updateMember(long memberID, List<URI> peerAddrs);

    /**
     * Makes a learner a voter (RPC Cluster.MemberPromote).
     *
     * @param memberID the member
     * @return the cluster
     */
    CompletableFuture<MemberPromoteResponse> promoteMember(long memberID);
}
