using System;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using Etcdserverpb;

namespace EtcdKit.interfaces;

// One member, or the storage as a whole.
public partial interface IEtcdClient
{
    /// <summary>Lists, raises or clears alarms. RPC: Maintenance.Alarm.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    AlarmResponse Alarm(
        AlarmRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Lists, raises or clears alarms. RPC: Maintenance.Alarm.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<AlarmResponse> AlarmAsync(
        AlarmRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Tells version, size, leader and raft progress of a member. RPC: Maintenance.Status.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    StatusResponse Status(
        StatusRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Tells version, size, leader and raft progress of a member. RPC: Maintenance.Status.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<StatusResponse> StatusAsync(
        StatusRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Gives free storage of a member back to the file system. RPC: Maintenance.Defragment.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    DefragmentResponse Defragment(
        DefragmentRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Gives free storage of a member back to the file system. RPC: Maintenance.Defragment.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<DefragmentResponse> DefragmentAsync(
        DefragmentRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Hashes the whole backend of a member; for tests. RPC: Maintenance.Hash.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    HashResponse Hash(
        HashRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Hashes the whole backend of a member; for tests. RPC: Maintenance.Hash.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<HashResponse> HashAsync(
        HashRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Hashes the key space up to a revision. RPC: Maintenance.HashKV.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    HashKVResponse HashKV(
        HashKVRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Hashes the key space up to a revision. RPC: Maintenance.HashKV.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<HashKVResponse> HashKVAsync(
        HashKVRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Hands leadership to another voter. RPC: Maintenance.MoveLeader.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    MoveLeaderResponse MoveLeader(
        MoveLeaderRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Hands leadership to another voter. RPC: Maintenance.MoveLeader.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<MoveLeaderResponse> MoveLeaderAsync(
        MoveLeaderRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Streams a copy of a member's storage; completes after the last piece.</summary>
    /// <param name="request">The request.</param>
    /// <param name="method">Gets each piece of the snapshot.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    /// <param name="headers">Headers of the call.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is no limit.</param>
    Task Snapshot(
        SnapshotRequest request,
        Action<SnapshotResponse> method,
        CancellationToken cancellationToken,
        Metadata? headers = null,
        DateTime? deadline = null);

    /// <summary>Streams a copy of a member's storage; completes after the last piece.</summary>
    /// <param name="request">The request.</param>
    /// <param name="methods">Get each piece of the snapshot, in turn.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    /// <param name="headers">Headers of the call.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is no limit.</param>
    Task Snapshot(
        SnapshotRequest request,
        Action<SnapshotResponse>[] methods,
        CancellationToken cancellationToken,
        Metadata? headers = null,
        DateTime? deadline = null);
}
