using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using EtcdKit.Native;
using Etcdserverpb;

namespace EtcdKit;

// Watches.
public partial class EtcdClient
{
    /// <inheritdoc/>
    public Task<long[]> WatchAsync(
        WatchRequest[] requests,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchManyAsync(requests, Callbacks.OfEach(methods), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<long[]> WatchAsync(
        WatchRequest[] requests,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchManyAsync(requests, Callbacks.Of(method), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public void Watch(
        WatchRequest[] requests,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchManyAsync(requests, Callbacks.OfEach(methods), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public void Watch(
        WatchRequest[] requests,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchManyAsync(requests, Callbacks.OfEach(methods), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public Task<long> WatchAsync(
        WatchRequest request,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchOneAsync(request, Callbacks.Of(method), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<long> WatchAsync(
        WatchRequest request,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchOneAsync(request, Callbacks.Of(methods), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<long[]> WatchAsync(
        WatchRequest[] requests,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchManyAsync(requests, Callbacks.Of(method), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<long[]> WatchAsync(
        WatchRequest[] requests,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchManyAsync(requests, Callbacks.OfEach(methods), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task WatchAsync(
        WatchRequest request,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchOneAsync(request, Callbacks.Of(method), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task WatchAsync(
        WatchRequest request,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchOneAsync(request, Callbacks.Of(methods), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public void Watch(
        WatchRequest request,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchOneAsync(request, Callbacks.Of(method), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public void Watch(
        WatchRequest request,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchOneAsync(request, Callbacks.Of(methods), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public void Watch(
        string key,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchOneAsync(Requests.Watch(key), Callbacks.Of(method), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public void Watch(
        string[] keys,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchManyAsync(Requests.Watch(keys), Callbacks.Of(method), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public void Watch(
        string key,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchOneAsync(Requests.Watch(key), Callbacks.Of(methods), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public void Watch(
        string[] keys,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchManyAsync(Requests.Watch(keys), Callbacks.Of(methods), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public void Watch(
        string key,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchOneAsync(Requests.Watch(key), Callbacks.Of(method), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public void Watch(
        string[] keys,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchManyAsync(Requests.Watch(keys), Callbacks.Of(method), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public void Watch(
        string key,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchOneAsync(Requests.Watch(key), Callbacks.Of(methods), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public void Watch(
        string[] keys,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchManyAsync(Requests.Watch(keys), Callbacks.Of(methods), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public Task WatchAsync(
        string key,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchOneAsync(Requests.Watch(key), Callbacks.Of(method), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task WatchAsync(
        string[] keys,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchManyAsync(Requests.Watch(keys), Callbacks.Of(method), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task WatchAsync(
        string key,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchOneAsync(Requests.Watch(key), Callbacks.Of(methods), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task WatchAsync(
        string[] keys,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchManyAsync(Requests.Watch(keys), Callbacks.Of(methods), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task WatchAsync(
        string key,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchOneAsync(Requests.Watch(key), Callbacks.Of(method), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task WatchAsync(
        string[] keys,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchManyAsync(Requests.Watch(keys), Callbacks.Of(method), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task WatchAsync(
        string key,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchOneAsync(Requests.Watch(key), Callbacks.Of(methods), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task WatchAsync(
        string[] keys,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchManyAsync(Requests.Watch(keys), Callbacks.Of(methods), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public long WatchRange(
        string path,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchOneAsync(Requests.WatchPrefix(path), Callbacks.Of(method), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public long[] WatchRange(
        string[] paths,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchManyAsync(Requests.WatchPrefix(paths), Callbacks.Of(method), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public Task<long> WatchRangeAsync(
        string path,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchOneAsync(Requests.WatchPrefix(path), Callbacks.Of(method), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<long[]> WatchRangeAsync(
        string[] paths,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchManyAsync(Requests.WatchPrefix(paths), Callbacks.Of(method), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public long WatchRange(
        string path,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchOneAsync(Requests.WatchPrefix(path), Callbacks.Of(methods), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public long[] WatchRange(
        string[] paths,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchManyAsync(Requests.WatchPrefix(paths), Callbacks.Of(methods), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public Task<long> WatchRangeAsync(
        string path,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchOneAsync(Requests.WatchPrefix(path), Callbacks.Of(methods), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<long[]> WatchRangeAsync(
        string[] paths,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchManyAsync(Requests.WatchPrefix(paths), Callbacks.Of(methods), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public long WatchRange(
        string path,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchOneAsync(Requests.WatchPrefix(path), Callbacks.Of(method), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public long[] WatchRange(
        string[] paths,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchManyAsync(Requests.WatchPrefix(paths), Callbacks.Of(method), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public Task<long> WatchRangeAsync(
        string path,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchOneAsync(Requests.WatchPrefix(path), Callbacks.Of(method), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<long[]> WatchRangeAsync(
        string[] paths,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchManyAsync(Requests.WatchPrefix(paths), Callbacks.Of(method), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public long WatchRange(
        string path,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchOneAsync(Requests.WatchPrefix(path), Callbacks.Of(methods), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public long[] WatchRange(
        string[] paths,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        Wait(WatchManyAsync(Requests.WatchPrefix(paths), Callbacks.Of(methods), headers, deadline, cancellationToken));

    /// <inheritdoc/>
    public Task<long> WatchRangeAsync(
        string path,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchOneAsync(Requests.WatchPrefix(path), Callbacks.Of(methods), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<long[]> WatchRangeAsync(
        string[] paths,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        WatchManyAsync(Requests.WatchPrefix(paths), Callbacks.Of(methods), headers, deadline, cancellationToken);

    /// <summary>
    /// The responses of a watch, for <c>await foreach</c>; leaving the loop ends the watch. Responses wait in the core,
    /// bounded, until they are read. A watch that cannot go on, because its revision was compacted, tells so in a last
    /// response with <c>Canceled</c> set.
    /// </summary>
    /// <param name="request">The watch to create.</param>
    /// <param name="cancellationToken">Ends the loop with <see cref="OperationCanceledException"/>.</param>
    public async IAsyncEnumerable<WatchResponse> WatchStreamAsync(
        WatchRequest request, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var watch = await _openWatch(Required(request), null, null, cancellationToken).ConfigureAwait(false);
        while (await watch.Responses.MoveNext(cancellationToken).ConfigureAwait(false))
        {
            yield return watch.Responses.Current;
        }
    }

    /// <summary>
    /// The responses of a watch on one key, for <c>await foreach</c>; leaving the loop ends the watch. Previous values
    /// are told too.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Ends the loop with <see cref="OperationCanceledException"/>.</param>
    public IAsyncEnumerable<WatchResponse> WatchStreamAsync(string key, CancellationToken cancellationToken = default) =>
        WatchStreamAsync(Requests.Watch(key), cancellationToken);

    /// <summary>
    /// The responses of a watch on all keys with a prefix, for <c>await foreach</c>; leaving the loop ends the watch.
    /// Previous values are told too.
    /// </summary>
    /// <param name="path">The prefix.</param>
    /// <param name="cancellationToken">Ends the loop with <see cref="OperationCanceledException"/>.</param>
    public IAsyncEnumerable<WatchResponse> WatchRangeStreamAsync(
        string path, CancellationToken cancellationToken = default) =>
        WatchStreamAsync(Requests.WatchPrefix(path), cancellationToken);

    /// <inheritdoc/>
    public void CancelWatch(long watchId) => _watches.CancelWatch(watchId);

    /// <inheritdoc/>
    public void CancelWatch(long[] watchIds)
    {
        foreach (var watchId in Required(watchIds)) CancelWatch(watchId);
    }

    private static T Wait<T>(Task<T> task) => task.GetAwaiter().GetResult();

    private Task<long> WatchOneAsync(
        WatchRequest request,
        Action<WatchResponse> callback,
        Metadata? headers,
        DateTime? deadline,
        CancellationToken cancellationToken) =>
        _watches.WatchAsync(Required(request), callback, headers, deadline, cancellationToken);

    private Task<long[]> WatchManyAsync(
        WatchRequest[] requests,
        Action<WatchResponse> callback,
        Metadata? headers,
        DateTime? deadline,
        CancellationToken cancellationToken) =>
        WatchManyAsync(requests, Required(requests).Select(_ => callback).ToArray(), headers, deadline, cancellationToken);

    private async Task<long[]> WatchManyAsync(
        WatchRequest[] requests,
        Action<WatchResponse>[] callbacks,
        Metadata? headers,
        DateTime? deadline,
        CancellationToken cancellationToken)
    {
        if (Required(requests).Length != callbacks.Length)
        {
            throw new ArgumentException($"{requests.Length} watches need as many functions, not {callbacks.Length}", nameof(requests));
        }

        var ids = new List<long>(requests.Length);
        try
        {
            for (var index = 0; index < requests.Length; index++)
            {
                ids.Add(await WatchOneAsync(requests[index], callbacks[index], headers, deadline, cancellationToken).ConfigureAwait(false));
            }
        }
        catch
        {
            // All or none.
            ids.ForEach(CancelWatch);
            throw;
        }

        return [.. ids];
    }
}
