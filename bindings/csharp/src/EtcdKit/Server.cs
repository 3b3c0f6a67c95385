using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Bridge.V1;
using EtcdKit.Native;

namespace EtcdKit;

/// <summary>What an embedded server is started with.</summary>
public sealed class ServerOptions
{
    /// <summary>Where the data is kept; none keeps it in memory, gone with the server.</summary>
    public string? DataDir { get; set; }

    /// <summary>Where to listen. Default: <c>127.0.0.1:0</c>, which takes a free port.</summary>
    public string? Listen { get; set; }

    /// <summary>Name of the member. Default: <c>default</c>.</summary>
    public string? Name { get; set; }

    /// <summary>Storage engine of a data directory: <c>redb</c> (default) or <c>sled</c>.</summary>
    public string? Engine { get; set; }

    /// <summary>Listen nowhere: clients of this process reach the server by <see cref="EtcdClient(Server)"/> alone.</summary>
    public bool InProcessOnly { get; set; }

    /// <summary>
    /// Flags as on the command line, such as <c>--quota-backend-bytes=1000000</c>, for what has no property here.
    /// Starting fails on one that means nothing to a server inside a program, and names those which do.
    /// </summary>
    public IList<string> Arguments { get; } = [];
}

/// <summary>
/// An etcd-compatible server inside this process: for tests, for tools, for a single node. Any number may run.
/// Every method may be called from any thread.
/// </summary>
public sealed class Server : IDisposable, IAsyncDisposable
{
    private readonly CoreObject _object;
    private int _stopped;

    private Server(CoreObject made, ServerStarted started)
    {
        _object = made;
        Endpoint = started.Endpoint;
        Endpoints = [.. started.Endpoints];
    }

    /// <summary>The first address that clients can connect to, such as <c>http://127.0.0.1:34567</c>; empty if it listens nowhere.</summary>
    public string Endpoint { get; }

    /// <summary>All addresses that clients can connect to.</summary>
    public IReadOnlyList<string> Endpoints { get; }

    internal ulong Handle => _object.Value;

    /// <summary>Starts a server; returns when it serves.</summary>
    /// <param name="dataDir">Where the data is kept; none keeps it in memory, gone with the server.</param>
    /// <exception cref="Grpc.RpcException">The server cannot start; the message says why.</exception>
    public static Server Start(string? dataDir = null) => Start(new ServerOptions { DataDir = dataDir });

    /// <summary>Starts a server; returns when it serves.</summary>
    /// <param name="options">The options.</param>
    /// <exception cref="Grpc.RpcException">The server cannot start; the message says why.</exception>
    public static Server Start(ServerOptions options) => StartAsync(options).GetAwaiter().GetResult();

    /// <summary>Starts a server; completes when it serves.</summary>
    /// <param name="options">The options; none is a server in memory on a free port.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <exception cref="Grpc.RpcException">The server cannot start; the message says why.</exception>
    public static async Task<Server> StartAsync(ServerOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new ServerOptions();
        var config = new ServerConfig
        {
            DataDir = options.DataDir ?? "",
            Listen = options.Listen ?? "",
            Name = options.Name ?? "",
            Engine = options.Engine ?? "",
            InProcessOnly = options.InProcessOnly,
            Args = { options.Arguments },
        };
        var (made, started) = await CoreObject.None
            .OpenAsync(Methods.ServerStart, config, ServerStarted.Parser, nameof(Server), CoreObject.NoTimeout, cancellationToken)
            .ConfigureAwait(false);
        return new Server(made, started);
    }

    /// <summary>Stops the server; completes when it has stopped and its port is free. Stopping twice does no harm.</summary>
    public async Task StopAsync()
    {
        if (Interlocked.Exchange(ref _stopped, 1) != 0) return;
        await _object
            .CallAsync(Methods.ServerStop, new Empty(), Empty.Parser, default, CoreObject.NoTimeout)
            .ConfigureAwait(false);
        _object.Dispose();
    }

    /// <summary>Stops the server; returns when it has stopped and its port is free.</summary>
    public void Stop() => StopAsync().GetAwaiter().GetResult();

    /// <summary>Stops the server; returns when it has stopped and its port is free.</summary>
    public void Dispose() => Stop();

    /// <summary>Stops the server; completes when it has stopped and its port is free.</summary>
    public ValueTask DisposeAsync() => new(StopAsync());
}
