package io.etcdkit.internal;

import io.etcdkit.Cluster;
import io.etcdkit.cluster.Member;
import io.etcdkit.cluster.MemberAddResponse;
import io.etcdkit.cluster.MemberListResponse;
import io.etcdkit.cluster.MemberPromoteResponse;
import io.etcdkit.cluster.MemberRemoveResponse;
import io.etcdkit.cluster.MemberUpdateResponse;
import io.etcdkit.internal.etcdserverpb.MemberAddRequest;
import io.etcdkit.internal.etcdserverpb.MemberListRequest;
import io.etcdkit.internal.etcdserverpb.MemberPromoteRequest;
import io.etcdkit.internal.etcdserverpb.MemberRemoveRequest;
import io.etcdkit.internal.etcdserverpb.MemberUpdateRequest;
import java.net.URI;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;

/** {@link Cluster} on the core. */
final class ClusterImpl implements Cluster {
    private final Connection connection;

    ClusterImpl(Connection connection) {
        this.connection = connection;
    }

    @Override
    public CompletableFuture<MemberListResponse> listMember() {
        return connection.call(
                Methods.CLUSTER_MEMBER_LIST,
                MemberListRequest.newBuilder().setLinearizable(true).build(),
                io.etcdkit.internal.etcdserverpb.MemberListResponse.parser(),
                answer ->
                        new MemberListResponse(
                                Responses.header(answer.getHeader()),
                                members(answer.getMembersList())));
    }

    @Override
    public CompletableFuture<MemberAddResponse> addMember(List<URI> peerAddrs) {
        return addMember(peerAddrs, false);
    }

    @Override
    public CompletableFuture<MemberAddResponse> addMember(List<URI> peerAddrs, boolean isLearner) {
        return connection.call(
                Methods.CLUSTER_MEMBER_ADD,
                MemberAddRequest.newBuilder()
                        .addAllPeerURLs(texts(peerAddrs))
                        .setIsLearner(isLearner)
                        .build(),
                io.etcdkit.internal.etcdserverpb.MemberAddResponse.parser(),
                answer ->
                        new MemberAddResponse(
                                Responses.header(answer.getHeader()),
                                member(answer.getMember()),
                                members(answer.getMembersList())));
    }

    @Override
    public CompletableFuture<MemberRemoveResponse> removeMember(long memberID) {
        return connection.call(
                Methods.CLUSTER_MEMBER_REMOVE,
                MemberRemoveRequest.newBuilder().setID(memberID).build(),
                io.etcdkit.internal.etcdserverpb.MemberRemoveResponse.parser(),
                answer ->
                        new MemberRemoveResponse(
                                Responses.header(answer.getHeader()),
                                members(answer.getMembersList())));
    }

    @Override
    public CompletableFuture<MemberUpdateResponse> updateMember(
            long memberID, List<URI> peerAddrs) {
        return connection.call(
                Methods.CLUSTER_MEMBER_UPDATE,
                MemberUpdateRequest.newBuilder()
                        .setID(memberID)
                        .addAllPeerURLs(texts(peerAddrs))
                        .build(),
                io.etcdkit.internal.etcdserverpb.MemberUpdateResponse.parser(),
                answer ->
                        new MemberUpdateResponse(
                                Responses.header(answer.getHeader()),
                                members(answer.getMembersList())));
    }

    @Override
    public CompletableFuture<MemberPromoteResponse> promoteMember(long memberID) {
        return connection.call(
                Methods.CLUSTER_MEMBER_PROMOTE,
                MemberPromoteRequest.newBuilder().setID(memberID).build(),
                io.etcdkit.internal.etcdserverpb.MemberPromoteResponse.parser(),
                answer ->
                        new MemberPromoteResponse(
                                Responses.header(answer.getHeader()),
                                members(answer.getMembersList())));
    }

    private static List<Member> members(List<io.etcdkit.internal.etcdserverpb.Member> members) {
        return members.stream().map(ClusterImpl::member).collect(Collectors.toList());
    }

    private static Member member(io.etcdkit.internal.etcdserverpb.Member member) {
        return new Member(
                member.getID(),
                member.getName(),
                uris(member.getPeerURLsList()),
                uris(member.getClientURLsList()),
                member.getIsLearner());
    }

    private static List<URI> uris(List<String> texts) {
        return texts.stream().map(URI::create).collect(Collectors.toList());
    }

    private static List<String> texts(List<URI> uris) {
        return uris.stream().map(URI::toString).collect(Collectors.toList());
    }
}
