using System;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using Etcdserverpb;

namespace EtcdKit;

// One member, or the storage as a whole.
public partial class EtcdClient
{
    /// <inheritdoc/>
    public AlarmResponse Alarm(
        AlarmRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.MaintenanceClient.Alarm(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<AlarmResponse> AlarmAsync(
        AlarmRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.MaintenanceClient.AlarmAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public StatusResponse Status(
        StatusRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.MaintenanceClient.Status(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<StatusResponse> StatusAsync(
        StatusRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.MaintenanceClient.StatusAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public DefragmentResponse Defragment(
        DefragmentRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.MaintenanceClient.Defragment(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<DefragmentResponse> DefragmentAsync(
        DefragmentRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.MaintenanceClient.DefragmentAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public HashResponse Hash(
        HashRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.MaintenanceClient.Hash(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<HashResponse> HashAsync(
        HashRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.MaintenanceClient.HashAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public HashKVResponse HashKV(
        HashKVRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.MaintenanceClient.HashKV(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<HashKVResponse> HashKVAsync(
        HashKVRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.MaintenanceClient.HashKVAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public MoveLeaderResponse MoveLeader(
        MoveLeaderRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.MaintenanceClient.MoveLeader(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<MoveLeaderResponse> MoveLeaderAsync(
        MoveLeaderRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.MaintenanceClient.MoveLeaderAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <summary>Checks, starts or cancels a downgrade of the cluster version. RPC: Maintenance.Downgrade.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    public DowngradeResponse Downgrade(
        DowngradeRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.MaintenanceClient.Downgrade(Required(request), headers, deadline, cancellationToken);

    /// <summary>Checks, starts or cancels a downgrade of the cluster version. RPC: Maintenance.Downgrade.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    public Task<DowngradeResponse> DowngradeAsync(
        DowngradeRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.MaintenanceClient.DowngradeAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public Task Snapshot(
        SnapshotRequest request,
        Action<SnapshotResponse> method,
        CancellationToken cancellationToken,
        Metadata? headers = null,
        DateTime? deadline = null) =>
        SnapshotToAsync(request, [method], cancellationToken, headers, deadline);

    /// <inheritdoc/>
    public Task Snapshot(
        SnapshotRequest request,
        Action<SnapshotResponse>[] methods,
        CancellationToken cancellationToken,
        Metadata? headers = null,
        DateTime? deadline = null) =>
        SnapshotToAsync(request, methods, cancellationToken, headers, deadline);

    private async Task SnapshotToAsync(
        SnapshotRequest request,
        Action<SnapshotResponse>[] methods,
        CancellationToken cancellationToken,
        Metadata? headers,
        DateTime? deadline)
    {
        using var call = _connection.MaintenanceClient.Snapshot(Required(request), headers, deadline, cancellationToken);
        while (await call.ResponseStream.MoveNext(cancellationToken).ConfigureAwait(false))
        {
            foreach (var method in methods) method(call.ResponseStream.Current);
        }
    }
}
