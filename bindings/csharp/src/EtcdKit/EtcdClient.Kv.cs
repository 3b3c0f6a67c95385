using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using Etcdserverpb;

namespace EtcdKit;

// Keys: reads, writes, transactions, compaction.
public partial class EtcdClient
{
    /// <inheritdoc/>
    public RangeResponse Get(
        RangeRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.KVClient.Range(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<RangeResponse> GetAsync(
        RangeRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.KVClient.RangeAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public PutResponse Put(
        PutRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.KVClient.Put(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<PutResponse> PutAsync(
        PutRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.KVClient.PutAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public DeleteRangeResponse Delete(
        DeleteRangeRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.KVClient.DeleteRange(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<DeleteRangeResponse> DeleteAsync(
        DeleteRangeRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.KVClient.DeleteRangeAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public TxnResponse Transaction(
        TxnRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.KVClient.Txn(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<TxnResponse> TransactionAsync(
        TxnRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.KVClient.TxnAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public CompactionResponse Compact(
        CompactionRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.KVClient.Compact(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<CompactionResponse> CompactAsync(
        CompactionRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.KVClient.CompactAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public RangeResponse Get(
        string key,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Get(Requests.Key(key), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<RangeResponse> GetAsync(
        string key,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        GetAsync(Requests.Key(key), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public string GetVal(
        string key,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Requests.FirstValue(Get(key, headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public Task<string> GetValAsync(
        string key,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Requests.FirstValueAsync(GetAsync(key, headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public RangeResponse GetRange(
        string prefixKey,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Get(Requests.Prefix(prefixKey), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<RangeResponse> GetRangeAsync(
        string prefixKey,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        GetAsync(Requests.Prefix(prefixKey), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public IDictionary<string, string> GetRangeVal(
        string prefixKey,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Requests.Values(GetRange(prefixKey, headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public Task<IDictionary<string, string>> GetRangeValAsync(
        string prefixKey,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Requests.ValuesAsync(GetRangeAsync(prefixKey, headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public PutResponse Put(
        string key,
        string val,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Put(Requests.Put(key, val), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<PutResponse> PutAsync(
        string key,
        string val,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        PutAsync(Requests.Put(key, val), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public DeleteRangeResponse Delete(
        string key,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Delete(Requests.Delete(key), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<DeleteRangeResponse> DeleteAsync(
        string key,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        DeleteAsync(Requests.Delete(key), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public DeleteRangeResponse DeleteRange(
        string prefixKey,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Delete(Requests.DeletePrefix(prefixKey), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<DeleteRangeResponse> DeleteRangeAsync(
        string prefixKey,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        DeleteAsync(Requests.DeletePrefix(prefixKey), headers, deadline, cancellationToken);
}
