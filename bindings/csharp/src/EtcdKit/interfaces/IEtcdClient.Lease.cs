using System;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using Etcdserverpb;

namespace EtcdKit.interfaces;

// Leases.
public partial interface IEtcdClient
{
    /// <summary>Creates a lease that lives for TTL seconds unless kept alive. RPC: Lease.LeaseGrant.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    LeaseGrantResponse LeaseGrant(
        LeaseGrantRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Creates a lease that lives for TTL seconds unless kept alive. RPC: Lease.LeaseGrant.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<LeaseGrantResponse> LeaseGrantAsync(
        LeaseGrantRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Ends a lease and deletes its keys. RPC: Lease.LeaseRevoke.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    LeaseRevokeResponse LeaseRevoke(
        LeaseRevokeRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Ends a lease and deletes its keys. RPC: Lease.LeaseRevoke.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<LeaseRevokeResponse> LeaseRevokeAsync(
        LeaseRevokeRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Tells what is left of a lease; an unknown lease answers a TTL of -1. RPC: Lease.LeaseTimeToLive.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    LeaseTimeToLiveResponse LeaseTimeToLive(
        LeaseTimeToLiveRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Tells what is left of a lease; an unknown lease answers a TTL of -1. RPC: Lease.LeaseTimeToLive.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<LeaseTimeToLiveResponse> LeaseTimeToLiveAsync(
        LeaseTimeToLiveRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Keeps a lease alive until the token is cancelled. When the lease is gone, the source is cancelled too and the task fails with <see cref="LeaseExpiredException"/>.</summary>
    /// <param name="cancellationTokenSource">Ends it.</param>
    /// <param name="leaseId">The lease.</param>
    /// <param name="keepAliveTimeout">Has no effect: the core knows when to renew.</param>
    /// <param name="communicationTimeout">Has no effect: the core knows how long an answer may take.</param>
    /// <param name="headers">Headers of the call.</param>
    /// <param name="deadline">Until when to go on, in UTC; none is no limit.</param>
    Task LeaseKeepAlive(
        CancellationTokenSource cancellationTokenSource,
        long leaseId,
        int keepAliveTimeout = 1000,
        int? communicationTimeout = null,
        Metadata? headers = null,
        DateTime? deadline = null);

    /// <summary>Keeps a lease alive until the token is cancelled, which ends the task with <see cref="OperationCanceledException"/>. The task completes when the lease is gone.</summary>
    /// <param name="leaseId">The lease.</param>
    /// <param name="cancellationToken">Ends it.</param>
    Task LeaseKeepAlive(
        long leaseId,
        CancellationToken cancellationToken);

    /// <summary>Renews a lease once and hands over the answer.</summary>
    /// <param name="request">The request.</param>
    /// <param name="method">Gets each answer.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="headers">Headers of the call.</param>
    Task LeaseKeepAlive(
        LeaseKeepAliveRequest request,
        Action<LeaseKeepAliveResponse> method,
        CancellationToken cancellationToken,
        Metadata? headers = null);

    /// <summary>Renews a lease once and hands over the answer.</summary>
    /// <param name="request">The request.</param>
    /// <param name="methods">Get each answer, in turn.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="headers">Headers of the call.</param>
    Task LeaseKeepAlive(
        LeaseKeepAliveRequest request,
        Action<LeaseKeepAliveResponse>[] methods,
        CancellationToken cancellationToken,
        Metadata? headers = null);

    /// <summary>Renews each lease once and hands over each answer.</summary>
    /// <param name="requests">One request a lease.</param>
    /// <param name="method">Gets each answer.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="headers">Headers of the call.</param>
    Task LeaseKeepAlive(
        LeaseKeepAliveRequest[] requests,
        Action<LeaseKeepAliveResponse> method,
        CancellationToken cancellationToken,
        Metadata? headers = null);

    /// <summary>Renews each lease once and hands over each answer.</summary>
    /// <param name="requests">One request a lease.</param>
    /// <param name="methods">Get each answer, in turn.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="headers">Headers of the call.</param>
    /// <param name="deadline">Until when to go on, in UTC; none is no limit.</param>
    Task LeaseKeepAlive(
        LeaseKeepAliveRequest[] requests,
        Action<LeaseKeepAliveResponse>[] methods,
        CancellationToken cancellationToken,
        Metadata? headers = null,
        DateTime? deadline = null);
}
