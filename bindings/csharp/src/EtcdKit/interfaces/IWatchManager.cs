using System;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using Etcdserverpb;

namespace EtcdKit.interfaces;

/// <summary>Keeps the watches of a client.</summary>
public interface IWatchManager : IDisposable
{
    /// <summary>Watches; returns with the id of the watch when the server has confirmed it.</summary>
    /// <param name="request">The watch to create.</param>
    /// <param name="callback">Gets each response; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    long Watch(
        WatchRequest request,
        Action<WatchResponse> callback,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches; returns with the id of the watch when the server has confirmed it.</summary>
    /// <param name="key">The key.</param>
    /// <param name="action">Gets each event.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    long Watch(
        string key,
        Action<WatchEvent> action,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches; returns with the id of the watch when the server has confirmed it.</summary>
    /// <param name="prefixKey">The prefix of the keys.</param>
    /// <param name="action">Gets each event.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    long WatchRange(
        string prefixKey,
        Action<WatchEvent> action,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches; returns with the id of the watch when the server has confirmed it.</summary>
    /// <param name="key">The key.</param>
    /// <param name="startRevision">The first revision whose events are told.</param>
    /// <param name="action">Gets each event.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    long Watch(
        string key,
        long startRevision,
        Action<WatchEvent> action,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches; returns with the id of the watch when the server has confirmed it.</summary>
    /// <param name="prefixKey">The prefix of the keys.</param>
    /// <param name="startRevision">The first revision whose events are told.</param>
    /// <param name="action">Gets each event.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    long WatchRange(
        string prefixKey,
        long startRevision,
        Action<WatchEvent> action,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches; returns with the id of the watch when the server has confirmed it.</summary>
    /// <param name="path">The prefix of the keys.</param>
    /// <param name="callback">Gets each response; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    long WatchRange(
        string path,
        Action<WatchResponse> callback,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches; completes with the id of the watch when the server has confirmed it.</summary>
    /// <param name="request">The watch to create.</param>
    /// <param name="callback">Gets each response; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task<long> WatchAsync(
        WatchRequest request,
        Action<WatchResponse> callback,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches; completes with the id of the watch when the server has confirmed it.</summary>
    /// <param name="key">The key.</param>
    /// <param name="action">Gets each event.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task<long> WatchAsync(
        string key,
        Action<WatchEvent> action,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches; completes with the id of the watch when the server has confirmed it.</summary>
    /// <param name="prefixKey">The prefix of the keys.</param>
    /// <param name="action">Gets each event.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task<long> WatchRangeAsync(
        string prefixKey,
        Action<WatchEvent> action,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches; completes with the id of the watch when the server has confirmed it.</summary>
    /// <param name="key">The key.</param>
    /// <param name="startRevision">The first revision whose events are told.</param>
    /// <param name="action">Gets each event.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task<long> WatchAsync(
        string key,
        long startRevision,
        Action<WatchEvent> action,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches; completes with the id of the watch when the server has confirmed it.</summary>
    /// <param name="prefixKey">The prefix of the keys.</param>
    /// <param name="startRevision">The first revision whose events are told.</param>
    /// <param name="action">Gets each event.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task<long> WatchRangeAsync(
        string prefixKey,
        long startRevision,
        Action<WatchEvent> action,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Ends a watch; unknown ids are ignored.</summary>
    /// <param name="watchId">The id that watching returned.</param>
    void CancelWatch(long watchId);
}
