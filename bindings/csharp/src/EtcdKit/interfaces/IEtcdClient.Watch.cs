using System;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using Etcdserverpb;

namespace EtcdKit.interfaces;

// Watches.
public partial interface IEtcdClient
{
    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="requests">The watches to create.</param>
    /// <param name="methods">One function a watch.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task<long[]> WatchAsync(
        WatchRequest[] requests,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="requests">The watches to create.</param>
    /// <param name="method">Gets the events of each response.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task<long[]> WatchAsync(
        WatchRequest[] requests,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="requests">The watches to create.</param>
    /// <param name="methods">One function a watch.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    void Watch(
        WatchRequest[] requests,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="requests">The watches to create.</param>
    /// <param name="methods">One function a watch.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    void Watch(
        WatchRequest[] requests,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="request">The watch to create.</param>
    /// <param name="method">Gets each response; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task<long> WatchAsync(
        WatchRequest request,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="request">The watch to create.</param>
    /// <param name="methods">Get each response, in turn; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task<long> WatchAsync(
        WatchRequest request,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="requests">The watches to create.</param>
    /// <param name="method">Gets each response; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task<long[]> WatchAsync(
        WatchRequest[] requests,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="requests">The watches to create.</param>
    /// <param name="methods">One function a watch.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task<long[]> WatchAsync(
        WatchRequest[] requests,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="request">The watch to create.</param>
    /// <param name="method">Gets the events of each response.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task WatchAsync(
        WatchRequest request,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="request">The watch to create.</param>
    /// <param name="methods">Get the events of each response, in turn.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task WatchAsync(
        WatchRequest request,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="request">The watch to create.</param>
    /// <param name="method">Gets each response; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    void Watch(
        WatchRequest request,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="request">The watch to create.</param>
    /// <param name="methods">Get each response, in turn; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    void Watch(
        WatchRequest request,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="key">The key; previous values are told too.</param>
    /// <param name="method">Gets each response; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    void Watch(
        string key,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="keys">The keys; previous values are told too.</param>
    /// <param name="method">Gets each response; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    void Watch(
        string[] keys,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="key">The key; previous values are told too.</param>
    /// <param name="methods">Get each response, in turn; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    void Watch(
        string key,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="keys">The keys; previous values are told too.</param>
    /// <param name="methods">Get each response, in turn; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    void Watch(
        string[] keys,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="key">The key; previous values are told too.</param>
    /// <param name="method">Gets the events of each response.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    void Watch(
        string key,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="keys">The keys; previous values are told too.</param>
    /// <param name="method">Gets the events of each response.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    void Watch(
        string[] keys,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="key">The key; previous values are told too.</param>
    /// <param name="methods">Get the events of each response, in turn.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    void Watch(
        string key,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="keys">The keys; previous values are told too.</param>
    /// <param name="methods">Get the events of each response, in turn.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    void Watch(
        string[] keys,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="key">The key; previous values are told too.</param>
    /// <param name="method">Gets each response; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task WatchAsync(
        string key,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="keys">The keys; previous values are told too.</param>
    /// <param name="method">Gets each response; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task WatchAsync(
        string[] keys,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="key">The key; previous values are told too.</param>
    /// <param name="methods">Get each response, in turn; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task WatchAsync(
        string key,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="keys">The keys; previous values are told too.</param>
    /// <param name="methods">Get each response, in turn; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task WatchAsync(
        string[] keys,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="key">The key; previous values are told too.</param>
    /// <param name="method">Gets the events of each response.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task WatchAsync(
        string key,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="keys">The keys; previous values are told too.</param>
    /// <param name="method">Gets the events of each response.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task WatchAsync(
        string[] keys,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="key">The key; previous values are told too.</param>
    /// <param name="methods">Get the events of each response, in turn.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task WatchAsync(
        string key,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="keys">The keys; previous values are told too.</param>
    /// <param name="methods">Get the events of each response, in turn.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task WatchAsync(
        string[] keys,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="path">The prefix of the keys; previous values are told too.</param>
    /// <param name="method">Gets each response; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    long WatchRange(
        string path,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="paths">The prefixes of the keys; previous values are told too.</param>
    /// <param name="method">Gets each response; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    long[] WatchRange(
        string[] paths,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="path">The prefix of the keys; previous values are told too.</param>
    /// <param name="method">Gets each response; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task<long> WatchRangeAsync(
        string path,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="paths">The prefixes of the keys; previous values are told too.</param>
    /// <param name="method">Gets each response; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task<long[]> WatchRangeAsync(
        string[] paths,
        Action<WatchResponse> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="path">The prefix of the keys; previous values are told too.</param>
    /// <param name="methods">Get each response, in turn; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    long WatchRange(
        string path,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="paths">The prefixes of the keys; previous values are told too.</param>
    /// <param name="methods">Get each response, in turn; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    long[] WatchRange(
        string[] paths,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="path">The prefix of the keys; previous values are told too.</param>
    /// <param name="methods">Get each response, in turn; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task<long> WatchRangeAsync(
        string path,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="paths">The prefixes of the keys; previous values are told too.</param>
    /// <param name="methods">Get each response, in turn; the first one tells that the watch was created.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task<long[]> WatchRangeAsync(
        string[] paths,
        Action<WatchResponse>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="path">The prefix of the keys; previous values are told too.</param>
    /// <param name="method">Gets the events of each response.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    long WatchRange(
        string path,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="paths">The prefixes of the keys; previous values are told too.</param>
    /// <param name="method">Gets the events of each response.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    long[] WatchRange(
        string[] paths,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="path">The prefix of the keys; previous values are told too.</param>
    /// <param name="method">Gets the events of each response.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task<long> WatchRangeAsync(
        string path,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="paths">The prefixes of the keys; previous values are told too.</param>
    /// <param name="method">Gets the events of each response.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task<long[]> WatchRangeAsync(
        string[] paths,
        Action<WatchEvent[]> method,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="path">The prefix of the keys; previous values are told too.</param>
    /// <param name="methods">Get the events of each response, in turn.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    long WatchRange(
        string path,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="paths">The prefixes of the keys; previous values are told too.</param>
    /// <param name="methods">Get the events of each response, in turn.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    long[] WatchRange(
        string[] paths,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed the watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="path">The prefix of the keys; previous values are told too.</param>
    /// <param name="methods">Get the events of each response, in turn.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task<long> WatchRangeAsync(
        string path,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);

    /// <summary>Watches. Returns when the server has confirmed every watch; the functions are called on threads of the pool, one at a time, and may make calls.</summary>
    /// <param name="paths">The prefixes of the keys; previous values are told too.</param>
    /// <param name="methods">Get the events of each response, in turn.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">Until when the server must have confirmed the watch, in UTC; none is 30 seconds from now.</param>
    /// <param name="cancellationToken">Ends the watch, whenever it is cancelled.</param>
    Task<long[]> WatchRangeAsync(
        string[] paths,
        Action<WatchEvent[]>[] methods,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default);
}
