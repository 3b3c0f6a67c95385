using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using EtcdKit.interfaces;
using EtcdKit.Native;
using Etcdserverpb;

namespace EtcdKit;

/// <summary>
/// Keeps the watches of a client and calls their functions: on threads of the pool, one at a time for the whole client,
/// each watch in the order of its events. A function may make any call, also a blocking one. While it runs, no more is
/// read, so a slow function holds up the server's stream and not the memory. Lost connections are the core's matter:
/// a watch goes on where it was.
/// </summary>
public sealed partial class WatchManager : IWatchManager
{
    /// <summary>How long the server may take to confirm a watch.</summary>
    private static readonly TimeSpan ConfirmationLimit = TimeSpan.FromSeconds(30);

    private readonly WatchOpener _open;
    private readonly ConcurrentDictionary<long, Running> _running = new();
    private readonly SemaphoreSlim _turn = new(1, 1);
    private long _lastId;
    private int _disposed;

    /// <summary>Watches over calls of one's own; for tests.</summary>
    /// <param name="watchStreamFactory">Starts a call.</param>
    public WatchManager(
        Func<Metadata?, DateTime?, CancellationToken, IAsyncDuplexStreamingCall<WatchRequest, WatchResponse>> watchStreamFactory)
        : this(DuplexWatch.Opener(watchStreamFactory ?? throw new ArgumentNullException(nameof(watchStreamFactory))))
    {
    }

    internal WatchManager(WatchOpener open) => _open = open;

    /// <summary>
    /// A function of a watch threw, or a watch ended because of an error; the exception tells which. Nothing else
    /// is lost: after a function's exception the watch goes on with the next response.
    /// </summary>
    public event EventHandler<WatchFailedEventArgs>? Failed;

    /// <inheritdoc/>
    public async Task<long> WatchAsync(
        WatchRequest request,
        Action<WatchResponse> callback,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default)
    {
        if (request is null) throw new ArgumentNullException(nameof(request));
        if (callback is null) throw new ArgumentNullException(nameof(callback));
        if (Volatile.Read(ref _disposed) != 0) throw new ObjectDisposedException(nameof(EtcdClient), "the EtcdClient is closed: it was disposed; make a new one");
        var opened = await _open(request, headers, deadline ?? DateTime.UtcNow + ConfirmationLimit, cancellationToken)
            .ConfigureAwait(false);
        var id = Interlocked.Increment(ref _lastId);
        var running = new Running(opened, callback, cancellationToken);
        _running[id] = running;
        if (Volatile.Read(ref _disposed) != 0) running.End();
        _ = PumpAsync(id, running);
        return id;
    }

    /// <inheritdoc/>
    public void CancelWatch(long watchId)
    {
        if (_running.TryRemove(watchId, out var running)) running.End();
    }

    /// <summary>Ends all watches.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        foreach (var id in _running.Keys) CancelWatch(id);
    }

    private async Task PumpAsync(long id, Running running)
    {
        // The caller of WatchAsync gets its id before the first response is told.
        await Task.Yield();
        try
        {
            var responses = running.Opened.Responses;
            while (await responses.MoveNext(running.Token).ConfigureAwait(false))
            {
                var response = responses.Current;
                response.WatchId = id;
                await TellAsync(id, running, response).ConfigureAwait(false);
                if (response.Canceled) return;
            }
        }
        catch (Exception failure) when (running.Token.IsCancellationRequested || failure is ObjectDisposedException)
        {
            // Ended by its user.
        }
        catch (Exception failure)
        {
            await EndedByAsync(id, running, failure).ConfigureAwait(false);
        }
        finally
        {
            _running.TryRemove(id, out _);
            running.End();
        }
    }

    private async Task TellAsync(long id, Running running, WatchResponse response)
    {
        await _turn.WaitAsync(running.Token).ConfigureAwait(false);
        try
        {
            running.Callback(response);
        }
        catch (Exception failure)
        {
            Failed?.Invoke(this, new WatchFailedEventArgs(id, failure));
        }
        finally
        {
            _turn.Release();
        }
    }

    // The end is told the way the server tells it, so that a program that looks for `Canceled` sees every end.
    private async Task EndedByAsync(long id, Running running, Exception failure)
    {
        var reason = failure is RpcException rpc ? rpc.Status.Detail : failure.Message;
        try
        {
            await TellAsync(id, running, new WatchResponse { WatchId = id, Canceled = true, CancelReason = reason })
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Ended by its user meanwhile.
        }

        Failed?.Invoke(this, new WatchFailedEventArgs(id, failure));
    }

    private sealed class Running
    {
        private readonly CancellationTokenSource _source;

        internal Running(OpenedWatch opened, Action<WatchResponse> callback, CancellationToken cancellationToken)
        {
            Opened = opened;
            Callback = callback;
            _source = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            Token = _source.Token;
        }

        internal OpenedWatch Opened { get; }

        internal Action<WatchResponse> Callback { get; }

        internal CancellationToken Token { get; }

        internal void End()
        {
            _source.Cancel();
            Opened.Dispose();
        }
    }
}

/// <summary>What went wrong with a watch.</summary>
public sealed class WatchFailedEventArgs : EventArgs
{
    /// <summary>Makes the arguments.</summary>
    /// <param name="watchId">The watch.</param>
    /// <param name="exception">What happened.</param>
    public WatchFailedEventArgs(long watchId, Exception exception)
    {
        WatchId = watchId;
        Exception = exception;
    }

    /// <summary>The watch.</summary>
    public long WatchId { get; }

    /// <summary>What happened.</summary>
    public Exception Exception { get; }
}
