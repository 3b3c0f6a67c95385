using System;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using V3Lockpb;

namespace EtcdKit;

// The lock service of the server.
public partial class EtcdClient
{
    /// <inheritdoc/>
    public LockResponse Lock(
        LockRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.LockClient.Lock(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<LockResponse> LockAsync(
        LockRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.LockClient.LockAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public UnlockResponse Unlock(
        UnlockRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.LockClient.Unlock(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<UnlockResponse> UnlockAsync(
        UnlockRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.LockClient.UnlockAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public LockResponse Lock(
        string name,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Lock(new LockRequest { Name = Requests.Bytes(name, nameof(name)) }, headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<LockResponse> LockAsync(
        string name,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        LockAsync(new LockRequest { Name = Requests.Bytes(name, nameof(name)) }, headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public UnlockResponse Unlock(
        string key,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Unlock(new UnlockRequest { Key = Requests.Bytes(key, nameof(key)) }, headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<UnlockResponse> UnlockAsync(
        string key,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        UnlockAsync(new UnlockRequest { Key = Requests.Bytes(key, nameof(key)) }, headers, deadline, cancellationToken);
}
