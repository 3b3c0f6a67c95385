using System;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Bridge.V1;
using EtcdKit.Native;

namespace EtcdKit.Concurrency;

/// <summary>A lock that is held, until it is given back or lost with its session.</summary>
public sealed class LockGuard : IAsyncDisposable, IDisposable
{
    private readonly CoreObject _object;
    private readonly Loss _loss;
    private int _released;

    internal LockGuard(CoreObject made, MutexLocked locked)
    {
        _object = made;
        Key = locked.Key.ToStringUtf8();
        Revision = locked.Revision;
        _loss = new Loss(made, Methods.MutexLost);
    }

    /// <summary>The owner's key in the line.</summary>
    public string Key { get; }

    /// <summary>Grows from owner to owner: the fencing token, to be sent along to what the lock protects.</summary>
    public long Revision { get; }

    /// <summary>Cancelled when the lock is lost, and when it was given back.</summary>
    public CancellationToken Lost => _loss.Token;

    /// <summary>Asks the server whether the lock is still held.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    public async Task<bool> IsOwnerAsync(CancellationToken cancellationToken = default)
    {
        var answer = await _object
            .CallAsync(Methods.MutexIsOwner, new Empty(), MutexHeld.Parser, cancellationToken)
            .ConfigureAwait(false);
        return answer.Held;
    }

    /// <summary>Gives the lock back. Doing so twice does no harm.</summary>
    /// <returns>Whether it was held until now.</returns>
    public async Task<bool> UnlockAsync()
    {
        if (Interlocked.Exchange(ref _released, 1) != 0) return false;
        try
        {
            var answer = await _object
                .CallAsync(Methods.MutexUnlock, new Empty(), MutexHeld.Parser, default)
                .ConfigureAwait(false);
            return answer.Held;
        }
        finally
        {
            _object.Dispose();
            _loss.End();
        }
    }

    /// <summary>Gives the lock back.</summary>
    public void Dispose() => UnlockAsync().GetAwaiter().GetResult();

    /// <summary>Gives the lock back.</summary>
    public ValueTask DisposeAsync() => new(UnlockAsync());
}
