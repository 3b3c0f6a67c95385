using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using V3Electionpb;

namespace EtcdKit.interfaces;

// The election service of the server.
public partial interface IEtcdClient
{
    /// <summary>Waits until the caller leads the election. RPC: Election.Campaign.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    CampaignResponse Campaign(
        CampaignRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Waits until the caller leads the election. RPC: Election.Campaign.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<CampaignResponse> CampaignAsync(
        CampaignRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Changes the value of the leader. RPC: Election.Proclaim.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    ProclaimResponse Proclaim(
        ProclaimRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Changes the value of the leader. RPC: Election.Proclaim.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<ProclaimResponse> ProclaimAsync(
        ProclaimRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Tells the leader of an election. RPC: Election.Leader.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    LeaderResponse Leader(
        LeaderRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Tells the leader of an election. RPC: Election.Leader.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<LeaderResponse> LeaderAsync(
        LeaderRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Gives leadership up. RPC: Election.Resign.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    ResignResponse Resign(
        ResignRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Gives leadership up. RPC: Election.Resign.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<ResignResponse> ResignAsync(
        ResignRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Waits until the caller leads an election, for at most 60 s: the server grants the lease and nobody keeps it alive.</summary>
    /// <param name="name">The name of the election.</param>
    /// <param name="value">What the leader shows; none is empty.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    CampaignResponse Campaign(
        string name,
        string? value = null,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Waits until the caller leads an election, for at most 60 s: the server grants the lease and nobody keeps it alive.</summary>
    /// <param name="name">The name of the election.</param>
    /// <param name="value">What the leader shows; none is empty.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<CampaignResponse> CampaignAsync(
        string name,
        string? value,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Changes the value of the leader.</summary>
    /// <param name="leader">The proof of leadership that the campaign returned.</param>
    /// <param name="value">The new value.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    ProclaimResponse Proclaim(
        LeaderKey leader,
        string value,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Changes the value of the leader.</summary>
    /// <param name="leader">The proof of leadership that the campaign returned.</param>
    /// <param name="value">The new value.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<ProclaimResponse> ProclaimAsync(
        LeaderKey leader,
        string value,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Tells the leader of an election.</summary>
    /// <param name="name">The name of the election.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    LeaderResponse Leader(
        string name,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Tells the leader of an election.</summary>
    /// <param name="name">The name of the election.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<LeaderResponse> LeaderAsync(
        string name,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Gives leadership up.</summary>
    /// <param name="leader">The proof of leadership that the campaign returned.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    ResignResponse Resign(
        LeaderKey leader,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Gives leadership up.</summary>
    /// <param name="leader">The proof of leadership that the campaign returned.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<ResignResponse> ResignAsync(
        LeaderKey leader,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Streams the leader of an election and every change of it.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    AsyncServerStreamingCall<LeaderResponse> Observe(
        LeaderRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Streams the leader of an election and every change of it.</summary>
    /// <param name="name">The name of the election.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    AsyncServerStreamingCall<LeaderResponse> Observe(
        string name,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>The leader of an election and every change of it, for <c>await foreach</c>. Ends with <see cref="OperationCanceledException"/> when the token is cancelled.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    IAsyncEnumerable<LeaderResponse> ObserveAsync(
        LeaderRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>The leader of an election and every change of it, for <c>await foreach</c>. Ends with <see cref="OperationCanceledException"/> when the token is cancelled.</summary>
    /// <param name="name">The name of the election.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    IAsyncEnumerable<LeaderResponse> ObserveAsync(
        string name,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);
}
