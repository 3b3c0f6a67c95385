using System;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using EtcdKit.Native;
using Etcdserverpb;

namespace EtcdKit;

// Leases.
public partial class EtcdClient
{
    /// <inheritdoc/>
    public LeaseGrantResponse LeaseGrant(
        LeaseGrantRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.LeaseClient.LeaseGrant(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<LeaseGrantResponse> LeaseGrantAsync(
        LeaseGrantRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.LeaseClient.LeaseGrantAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public LeaseRevokeResponse LeaseRevoke(
        LeaseRevokeRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.LeaseClient.LeaseRevoke(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<LeaseRevokeResponse> LeaseRevokeAsync(
        LeaseRevokeRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.LeaseClient.LeaseRevokeAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public LeaseTimeToLiveResponse LeaseTimeToLive(
        LeaseTimeToLiveRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.LeaseClient.LeaseTimeToLive(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<LeaseTimeToLiveResponse> LeaseTimeToLiveAsync(
        LeaseTimeToLiveRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.LeaseClient.LeaseTimeToLiveAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <summary>Lists the live leases. RPC: Lease.LeaseLeases.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    public LeaseLeasesResponse LeaseLeases(
        LeaseLeasesRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.LeaseClient.LeaseLeases(Required(request), headers, deadline, cancellationToken);

    /// <summary>Lists the live leases. RPC: Lease.LeaseLeases.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    public Task<LeaseLeasesResponse> LeaseLeasesAsync(
        LeaseLeasesRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.LeaseClient.LeaseLeasesAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public Task LeaseKeepAlive(
        CancellationTokenSource cancellationTokenSource,
        long leaseId,
        int keepAliveTimeout = 1000,
        int? communicationTimeout = null,
        Metadata? headers = null,
        DateTime? deadline = null) =>
        KeepAliveOrCancelAsync(cancellationTokenSource, leaseId, headers, deadline);

    /// <inheritdoc/>
    public Task LeaseKeepAlive(
        long leaseId,
        CancellationToken cancellationToken) =>
        KeepAliveUntilGoneAsync(leaseId, null, null, cancellationToken);

    /// <inheritdoc/>
    public Task LeaseKeepAlive(
        LeaseKeepAliveRequest request,
        Action<LeaseKeepAliveResponse> method,
        CancellationToken cancellationToken,
        Metadata? headers = null) =>
        RenewAsync([request], [method], headers, null, cancellationToken);

    /// <inheritdoc/>
    public Task LeaseKeepAlive(
        LeaseKeepAliveRequest request,
        Action<LeaseKeepAliveResponse>[] methods,
        CancellationToken cancellationToken,
        Metadata? headers = null) =>
        RenewAsync([request], methods, headers, null, cancellationToken);

    /// <inheritdoc/>
    public Task LeaseKeepAlive(
        LeaseKeepAliveRequest[] requests,
        Action<LeaseKeepAliveResponse> method,
        CancellationToken cancellationToken,
        Metadata? headers = null) =>
        RenewAsync(requests, [method], headers, null, cancellationToken);

    /// <inheritdoc/>
    public Task LeaseKeepAlive(
        LeaseKeepAliveRequest[] requests,
        Action<LeaseKeepAliveResponse>[] methods,
        CancellationToken cancellationToken,
        Metadata? headers = null,
        DateTime? deadline = null) =>
        RenewAsync(requests, methods, headers, deadline, cancellationToken);

    private async Task KeepAliveOrCancelAsync(
        CancellationTokenSource source, long leaseId, Metadata? headers, DateTime? deadline)
    {
        await KeepAliveUntilGoneAsync(leaseId, headers, deadline, Required(source).Token).ConfigureAwait(false);
        source.Cancel();
        throw new LeaseExpiredException($"the lease {leaseId:x} is gone: it expired or was revoked");
    }

    private async Task KeepAliveUntilGoneAsync(
        long leaseId, Metadata? headers, DateTime? deadline, CancellationToken cancellationToken)
    {
        if (_core is null)
        {
            await KeepAliveOverConnectionAsync(leaseId, headers, deadline, cancellationToken).ConfigureAwait(false);
            return;
        }

        using var limit = Limit.Of(deadline, cancellationToken);
        try
        {
            using var answers = await _core.KeepAliveAsync(leaseId, headers, limit.Token).ConfigureAwait(false);
            while (await answers.MoveNext(limit.Token).ConfigureAwait(false))
            {
                if (answers.Current.TTL <= 0) return;
            }
        }
        catch (RpcException failure) when (failure.Kind == ErrorKind.LeaseLost)
        {
            // Told by the task's completion.
        }
    }

    // For connections that are not the core's, where nobody else renews the lease: three times in its life.
    private async Task KeepAliveOverConnectionAsync(
        long leaseId, Metadata? headers, DateTime? deadline, CancellationToken cancellationToken)
    {
        using var call = _connection.LeaseClient.LeaseKeepAlive(headers, deadline, cancellationToken);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await call.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = leaseId }).ConfigureAwait(false);
            if (!await call.ResponseStream.MoveNext(cancellationToken).ConfigureAwait(false)) return;
            var answer = call.ResponseStream.Current;
            if (answer.ID != leaseId || answer.TTL <= 0) return;
            await Task.Delay(TimeSpan.FromSeconds(answer.TTL / 3.0), cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task RenewAsync(
        LeaseKeepAliveRequest[] requests,
        Action<LeaseKeepAliveResponse>[] methods,
        Metadata? headers,
        DateTime? deadline,
        CancellationToken cancellationToken)
    {
        Required(requests);
        Required(methods);
        using var call = _connection.LeaseClient.LeaseKeepAlive(headers, deadline, cancellationToken);
        foreach (var request in requests) await call.RequestStream.WriteAsync(Required(request)).ConfigureAwait(false);
        await call.RequestStream.CompleteAsync().ConfigureAwait(false);
        while (await call.ResponseStream.MoveNext(cancellationToken).ConfigureAwait(false))
        {
            foreach (var method in methods) method(call.ResponseStream.Current);
        }
    }
}
