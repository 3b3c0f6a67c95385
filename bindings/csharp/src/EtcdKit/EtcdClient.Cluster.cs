using System;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using Etcdserverpb;

namespace EtcdKit;

// Members.
public partial class EtcdClient
{
    /// <inheritdoc/>
    public MemberAddResponse MemberAdd(
        MemberAddRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ClusterClient.MemberAdd(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<MemberAddResponse> MemberAddAsync(
        MemberAddRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ClusterClient.MemberAddAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public MemberRemoveResponse MemberRemove(
        MemberRemoveRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ClusterClient.MemberRemove(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<MemberRemoveResponse> MemberRemoveAsync(
        MemberRemoveRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ClusterClient.MemberRemoveAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public MemberUpdateResponse MemberUpdate(
        MemberUpdateRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ClusterClient.MemberUpdate(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<MemberUpdateResponse> MemberUpdateAsync(
        MemberUpdateRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ClusterClient.MemberUpdateAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public MemberListResponse MemberList(
        MemberListRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ClusterClient.MemberList(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<MemberListResponse> MemberListAsync(
        MemberListRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ClusterClient.MemberListAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <summary>Makes a learner a voting member. RPC: Cluster.MemberPromote.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    public MemberPromoteResponse MemberPromote(
        MemberPromoteRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ClusterClient.MemberPromote(Required(request), headers, deadline, cancellationToken);

    /// <summary>Makes a learner a voting member. RPC: Cluster.MemberPromote.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    public Task<MemberPromoteResponse> MemberPromoteAsync(
        MemberPromoteRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ClusterClient.MemberPromoteAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;
}
