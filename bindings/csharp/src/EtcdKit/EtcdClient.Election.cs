using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using V3Electionpb;

namespace EtcdKit;

// The election service of the server.
public partial class EtcdClient
{
    /// <inheritdoc/>
    public CampaignResponse Campaign(
        CampaignRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ElectionClient.Campaign(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<CampaignResponse> CampaignAsync(
        CampaignRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ElectionClient.CampaignAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public ProclaimResponse Proclaim(
        ProclaimRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ElectionClient.Proclaim(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<ProclaimResponse> ProclaimAsync(
        ProclaimRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ElectionClient.ProclaimAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public LeaderResponse Leader(
        LeaderRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ElectionClient.Leader(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<LeaderResponse> LeaderAsync(
        LeaderRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ElectionClient.LeaderAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public ResignResponse Resign(
        ResignRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ElectionClient.Resign(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<ResignResponse> ResignAsync(
        ResignRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ElectionClient.ResignAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public CampaignResponse Campaign(
        string name,
        string? value = null,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Campaign(Requests.Campaign(name, value), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<CampaignResponse> CampaignAsync(
        string name,
        string? value,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        CampaignAsync(Requests.Campaign(name, value), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public ProclaimResponse Proclaim(
        LeaderKey leader,
        string value,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Proclaim(Requests.Proclaim(leader, value), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<ProclaimResponse> ProclaimAsync(
        LeaderKey leader,
        string value,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        ProclaimAsync(Requests.Proclaim(leader, value), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public LeaderResponse Leader(
        string name,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Leader(Requests.Leader(name), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<LeaderResponse> LeaderAsync(
        string name,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        LeaderAsync(Requests.Leader(name), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public ResignResponse Resign(
        LeaderKey leader,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Resign(Requests.Resign(leader), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<ResignResponse> ResignAsync(
        LeaderKey leader,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        ResignAsync(Requests.Resign(leader), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public AsyncServerStreamingCall<LeaderResponse> Observe(
        LeaderRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ElectionClient.Observe(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public AsyncServerStreamingCall<LeaderResponse> Observe(
        string name,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.ElectionClient.Observe(Requests.Leader(name), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<LeaderResponse> ObserveAsync(
        LeaderRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Observed(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<LeaderResponse> ObserveAsync(
        string name,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Observed(Requests.Leader(name), headers, deadline, cancellationToken);

    private async IAsyncEnumerable<LeaderResponse> Observed(
        LeaderRequest request,
        Metadata? headers,
        DateTime? deadline,
        CancellationToken given,
        [EnumeratorCancellation] CancellationToken enumerating = default)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(given, enumerating);
        using var call = Observe(request, headers, deadline, both.Token);
        while (await call.ResponseStream.MoveNext(both.Token).ConfigureAwait(false)) yield return call.ResponseStream.Current;
    }
}
