using System;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using Etcdserverpb;

namespace EtcdKit;

// The forms that watching can be asked for in.
public sealed partial class WatchManager
{
    /// <inheritdoc/>
    public long Watch(
        WatchRequest request,
        Action<WatchResponse> callback,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchAsync(request, callback, headers, deadline, cancellationToken).GetAwaiter().GetResult();

    /// <inheritdoc/>
    public long Watch(
        string key,
        Action<WatchEvent> action,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchAsync(Requests.Watch(key), EachEvent(action), headers, deadline, cancellationToken).GetAwaiter().GetResult();

    /// <inheritdoc/>
    public long WatchRange(
        string prefixKey,
        Action<WatchEvent> action,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchAsync(Requests.WatchPrefix(prefixKey), EachEvent(action), headers, deadline, cancellationToken).GetAwaiter().GetResult();

    /// <inheritdoc/>
    public long Watch(
        string key,
        long startRevision,
        Action<WatchEvent> action,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchAsync(From(Requests.Watch(key), startRevision), EachEvent(action), headers, deadline, cancellationToken).GetAwaiter().GetResult();

    /// <inheritdoc/>
    public long WatchRange(
        string prefixKey,
        long startRevision,
        Action<WatchEvent> action,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchAsync(From(Requests.WatchPrefix(prefixKey), startRevision), EachEvent(action), headers, deadline, cancellationToken).GetAwaiter().GetResult();

    /// <inheritdoc/>
    public long WatchRange(
        string path,
        Action<WatchResponse> callback,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchAsync(Requests.WatchPrefix(path), callback, headers, deadline, cancellationToken).GetAwaiter().GetResult();

    /// <inheritdoc/>
    public Task<long> WatchAsync(
        string key,
        Action<WatchEvent> action,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchAsync(Requests.Watch(key), EachEvent(action), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<long> WatchRangeAsync(
        string prefixKey,
        Action<WatchEvent> action,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchAsync(Requests.WatchPrefix(prefixKey), EachEvent(action), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<long> WatchAsync(
        string key,
        long startRevision,
        Action<WatchEvent> action,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchAsync(From(Requests.Watch(key), startRevision), EachEvent(action), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<long> WatchRangeAsync(
        string prefixKey,
        long startRevision,
        Action<WatchEvent> action,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchAsync(From(Requests.WatchPrefix(prefixKey), startRevision), EachEvent(action), headers, deadline, cancellationToken);

    private static WatchRequest From(WatchRequest request, long startRevision)
    {
        request.CreateRequest.StartRevision = startRevision;
        return request;
    }

    private static Action<WatchResponse> EachEvent(Action<WatchEvent> action)
    {
        if (action is null) throw new ArgumentNullException(nameof(action));
        return response =>
        {
            foreach (var change in response.Events) action(WatchEvent.Of(change));
        };
    }
}
