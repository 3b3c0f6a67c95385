using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using Etcdserverpb;

namespace EtcdKit.interfaces;

// Keys: reads, writes, transactions, compaction.
public partial interface IEtcdClient
{
    /// <summary>Reads the keys of a range at one revision. RPC: KV.Range.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    RangeResponse Get(
        RangeRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Reads the keys of a range at one revision. RPC: KV.Range.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<RangeResponse> GetAsync(
        RangeRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Writes one key. RPC: KV.Put.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    PutResponse Put(
        PutRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Writes one key. RPC: KV.Put.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<PutResponse> PutAsync(
        PutRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Deletes the keys of a range. RPC: KV.DeleteRange.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    DeleteRangeResponse Delete(
        DeleteRangeRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Deletes the keys of a range. RPC: KV.DeleteRange.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<DeleteRangeResponse> DeleteAsync(
        DeleteRangeRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Compares, then runs one of two lists of operations, atomically. RPC: KV.Txn.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    TxnResponse Transaction(
        TxnRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Compares, then runs one of two lists of operations, atomically. RPC: KV.Txn.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<TxnResponse> TransactionAsync(
        TxnRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Drops history below a revision. RPC: KV.Compact.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    CompactionResponse Compact(
        CompactionRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Drops history below a revision. RPC: KV.Compact.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<CompactionResponse> CompactAsync(
        CompactionRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Reads one key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    RangeResponse Get(
        string key,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Reads one key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<RangeResponse> GetAsync(
        string key,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>The value of one key as text, without white space around it; empty if the key does not exist.</summary>
    /// <param name="key">The key.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    string GetVal(
        string key,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>The value of one key as text, without white space around it; empty if the key does not exist.</summary>
    /// <param name="key">The key.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<string> GetValAsync(
        string key,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Reads all keys that start with a prefix.</summary>
    /// <param name="prefixKey">The prefix; empty means every key.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    RangeResponse GetRange(
        string prefixKey,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Reads all keys that start with a prefix.</summary>
    /// <param name="prefixKey">The prefix; empty means every key.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<RangeResponse> GetRangeAsync(
        string prefixKey,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>The keys that start with a prefix and their values, as text.</summary>
    /// <param name="prefixKey">The prefix; empty means every key.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    IDictionary<string, string> GetRangeVal(
        string prefixKey,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>The keys that start with a prefix and their values, as text.</summary>
    /// <param name="prefixKey">The prefix; empty means every key.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<IDictionary<string, string>> GetRangeValAsync(
        string prefixKey,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Writes one key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="val">The value.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    PutResponse Put(
        string key,
        string val,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Writes one key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="val">The value.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<PutResponse> PutAsync(
        string key,
        string val,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Deletes one key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    DeleteRangeResponse Delete(
        string key,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Deletes one key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<DeleteRangeResponse> DeleteAsync(
        string key,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Deletes all keys that start with a prefix.</summary>
    /// <param name="prefixKey">The prefix; empty means every key.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    DeleteRangeResponse DeleteRange(
        string prefixKey,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Deletes all keys that start with a prefix.</summary>
    /// <param name="prefixKey">The prefix; empty means every key.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<DeleteRangeResponse> DeleteRangeAsync(
        string prefixKey,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);
}
