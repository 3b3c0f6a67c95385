using System;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Bridge.V1;
using EtcdKit.Grpc;
using EtcdKit.Native;

namespace EtcdKit.Concurrency;

/// <summary>
/// A lease that is kept alive as long as the session is open; locks and leaderships are held in its name and end with
/// it. Its locks and elections are those of Go's <c>concurrency</c> package, of <c>etcdctl lock</c> and
/// <c>etcdctl elect</c>, and of this product in every language: they exclude each other.
/// </summary>
public sealed class Session : IAsyncDisposable, IDisposable
{
    private readonly CoreObject _object;
    private readonly Loss _loss;
    private int _closed;

    private Session(CoreObject made, long lease)
    {
        _object = made;
        Lease = lease;
        _loss = new Loss(made, Methods.SessionDone);
    }

    /// <summary>The lease.</summary>
    public long Lease { get; }

    /// <summary>Cancelled when the session has ended, also by itself because the lease could not be kept alive.</summary>
    public CancellationToken Ended => _loss.Token;

    /// <summary>Opens a session.</summary>
    /// <param name="client">The client.</param>
    /// <param name="ttl">Seconds after which the locks of a program that died are free. Default: 60.</param>
    /// <param name="lease">An existing lease to keep alive, in place of a new one.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public static async Task<Session> OpenAsync(
        EtcdClient client, long ttl = 60, long lease = 0, CancellationToken cancellationToken = default)
    {
        if (client is null) throw new ArgumentNullException(nameof(client));
        var config = new SessionConfig { Ttl = lease == 0 ? ttl : 0, Lease = lease };
        var (made, opened) = await client.Core.Object
            .OpenAsync(Methods.SessionOpen, config, SessionOpened.Parser, nameof(Session), CoreObject.DefaultTimeout, cancellationToken)
            .ConfigureAwait(false);
        return new Session(made, opened.Lease);
    }

    /// <summary>Takes a lock; waits for its turn, first come, first served.</summary>
    /// <param name="name">The name; the keys of those who wait are below <c>name/</c>.</param>
    /// <param name="cancellationToken">Leaves the line.</param>
    public Task<LockGuard> LockAsync(string name, CancellationToken cancellationToken = default) =>
        LockAsync(name, null, cancellationToken);

    /// <summary>Takes a lock; waits for its turn, first come, first served.</summary>
    /// <param name="name">The name; the keys of those who wait are below <c>name/</c>.</param>
    /// <param name="options">Which keys make the lock.</param>
    /// <param name="cancellationToken">Leaves the line.</param>
    public Task<LockGuard> LockAsync(string name, LockOptions? options, CancellationToken cancellationToken = default) =>
        LockAsync(LockOptions.Request(name, options), cancellationToken);

    /// <summary>Takes a lock if it is free within a time; null if it is not.</summary>
    /// <param name="name">The name.</param>
    /// <param name="timeout">How long to wait; zero does not wait.</param>
    /// <param name="cancellationToken">Leaves the line.</param>
    public Task<LockGuard?> TryLockAsync(
        string name, TimeSpan timeout = default, CancellationToken cancellationToken = default) =>
        TryLockAsync(name, null, timeout, cancellationToken);

    /// <summary>Takes a lock if it is free within a time; null if it is not.</summary>
    /// <param name="name">The name.</param>
    /// <param name="options">Which keys make the lock.</param>
    /// <param name="timeout">How long to wait; zero does not wait.</param>
    /// <param name="cancellationToken">Leaves the line.</param>
    public async Task<LockGuard?> TryLockAsync(
        string name, LockOptions? options, TimeSpan timeout = default, CancellationToken cancellationToken = default)
    {
        var request = LockOptions.Request(name, options);
        if (timeout > TimeSpan.Zero) request.TimeoutMs = (long)Math.Ceiling(timeout.TotalMilliseconds);
        else request.TryOnly = true;
        try
        {
            return await LockAsync(request, cancellationToken).ConfigureAwait(false);
        }
        catch (RpcException failure) when (failure.Kind is ErrorKind.Locked or ErrorKind.DeadlineExceeded)
        {
            return null;
        }
    }

    /// <summary>Waits until this session leads an election.</summary>
    /// <param name="name">The name of the election.</param>
    /// <param name="value">What the leader shows to all.</param>
    /// <param name="cancellationToken">Withdraws.</param>
    public async Task<Leadership> CampaignAsync(string name, string value, CancellationToken cancellationToken = default)
    {
        var request = new Campaign { Name = Requests.Bytes(name, nameof(name)), Value = Requests.Bytes(value, nameof(value)) };
        var (made, won) = await _object
            .OpenAsync(
                Methods.ElectionCampaign, request, Bridge.V1.Leadership.Parser, nameof(Leadership), CoreObject.NoTimeout, cancellationToken)
            .ConfigureAwait(false);
        return new Leadership(made, won);
    }

    /// <summary>Ends the session and revokes its lease: its locks are free and its leaderships over.</summary>
    public async Task CloseAsync()
    {
        if (Interlocked.Exchange(ref _closed, 1) != 0) return;
        try
        {
            await _object.TellAsync(Methods.SessionClose, null, default).ConfigureAwait(false);
        }
        finally
        {
            _object.Dispose();
            _loss.End();
        }
    }

    /// <summary>Stops keeping the lease alive, without revoking it: what the session holds lasts until its TTL is over.</summary>
    public async Task OrphanAsync()
    {
        if (Interlocked.Exchange(ref _closed, 1) != 0) return;
        try
        {
            await _object.TellAsync(Methods.SessionOrphan, null, default).ConfigureAwait(false);
        }
        finally
        {
            _object.Dispose();
            _loss.End();
        }
    }

    /// <summary>Ends the session and revokes its lease.</summary>
    public void Dispose() => CloseAsync().GetAwaiter().GetResult();

    /// <summary>Ends the session and revokes its lease.</summary>
    public ValueTask DisposeAsync() => new(CloseAsync());

    private async Task<LockGuard> LockAsync(MutexLock request, CancellationToken cancellationToken)
    {
        var (made, locked) = await _object
            .OpenAsync(Methods.MutexLock, request, MutexLocked.Parser, nameof(LockGuard), CoreObject.NoTimeout, cancellationToken)
            .ConfigureAwait(false);
        return new LockGuard(made, locked);
    }
}
