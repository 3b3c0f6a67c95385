using System;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using V3Lockpb;

namespace EtcdKit.interfaces;

// The lock service of the server.
public partial interface IEtcdClient
{
    /// <summary>Waits until the caller owns the lock. The key of the response exists as long as the lock is held; with a lease of 0 the server grants one of 60 s that nobody keeps alive: see <see cref="EtcdKit.Concurrency.Session"/> for locks that last. RPC: Lock.Lock.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    LockResponse Lock(
        LockRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Waits until the caller owns the lock. The key of the response exists as long as the lock is held; with a lease of 0 the server grants one of 60 s that nobody keeps alive: see <see cref="EtcdKit.Concurrency.Session"/> for locks that last. RPC: Lock.Lock.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<LockResponse> LockAsync(
        LockRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Gives a lock back by the key that locking returned. RPC: Lock.Unlock.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    UnlockResponse Unlock(
        UnlockRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Gives a lock back by the key that locking returned. RPC: Lock.Unlock.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<UnlockResponse> UnlockAsync(
        UnlockRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Waits until the caller owns a lock, for at most 60 s: see <see cref="EtcdKit.Concurrency.Session"/> for locks that last.</summary>
    /// <param name="name">The name, under which the waiters queue.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    LockResponse Lock(
        string name,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Waits until the caller owns a lock, for at most 60 s: see <see cref="EtcdKit.Concurrency.Session"/> for locks that last.</summary>
    /// <param name="name">The name, under which the waiters queue.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<LockResponse> LockAsync(
        string name,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Gives a lock back.</summary>
    /// <param name="key">The key that locking returned.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    UnlockResponse Unlock(
        string key,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Gives a lock back.</summary>
    /// <param name="key">The key that locking returned.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    Task<UnlockResponse> UnlockAsync(
        string key,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);
}
