using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

namespace EtcdKit.Native;

/// <summary>A bounded queue between tasks: writers wait while it is full, the reader while it is empty.</summary>
internal sealed class AsyncQueue<T> : IDisposable
{
    /// <summary>Most items that wait: a full batch of a stream; more only costs memory.</summary>
    private const int ItemsMax = 256;

    private readonly ConcurrentQueue<T> _items = new();
    private readonly SemaphoreSlim _filled = new(0);
    private readonly SemaphoreSlim _free = new(ItemsMax);
    private readonly CancellationTokenSource _closed = new();
    private Exception? _failure;

    /// <summary>Adds an item; waits while the queue is full.</summary>
    internal async Task AddAsync(T item, CancellationToken cancellationToken)
    {
        await _free.WaitAsync(cancellationToken).ConfigureAwait(false);
        _items.Enqueue(item);
        _filled.Release();
    }

    /// <summary>Tells that nothing follows, or that what follows is a failure.</summary>
    internal void End(Exception? failure = null)
    {
        _failure ??= failure;
        _closed.Cancel();
    }

    /// <summary>Takes the next item; false at the end.</summary>
    internal async Task<(bool Taken, T? Item)> TakeAsync(CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closed.Token);
        try
        {
            await _filled.WaitAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Ended: what is still there is taken first.
            if (_items.IsEmpty) return _failure is null ? (false, default(T)) : throw _failure;
        }

        if (!_items.TryDequeue(out var item)) return (false, default);
        _free.Release();
        return (true, item);
    }

    public void Dispose()
    {
        _closed.Dispose();
        _filled.Dispose();
        _free.Dispose();
    }
}
