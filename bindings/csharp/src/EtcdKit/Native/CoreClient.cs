using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Bridge.V1;
using EtcdKit.Grpc;
using Etcdserverpb;
using Google.Protobuf;

namespace EtcdKit.Native;

/// <summary>A client of the core, and those like it that use a token of the caller's in place of a login.</summary>
internal sealed class CoreClient : IDisposable
{
    /// <summary>
    /// Tokens that have a client at a time. A program has one or two; a program that logs in again and again loses the
    /// oldest, whose calls fail with Cancelled.
    /// </summary>
    private const int TokensMax = 16;

    private const string Name = nameof(EtcdClient);

    private readonly ClientConfig _config;
    private readonly CoreObject _object;
    private readonly List<(string Token, CoreObject Client)> _byToken = [];

    internal CoreClient(ClientConfig config, bool asOperationCanceled)
    {
        _config = config;
        AsOperationCanceled = asOperationCanceled;
        _object = Open(config);
    }

    private CoreClient(ClientConfig config, bool asOperationCanceled, CoreObject made)
    {
        _config = config;
        AsOperationCanceled = asOperationCanceled;
        _object = made;
    }

    /// <summary>Whether cancellation is told as <see cref="OperationCanceledException"/>.</summary>
    internal bool AsOperationCanceled { get; }

    /// <summary>The object of calls without headers.</summary>
    internal CoreObject Object => _object;

    public void Dispose()
    {
        _object.Dispose();
        lock (_byToken)
        {
            foreach (var (_, client) in _byToken) client.Dispose();
            _byToken.Clear();
        }
    }

    /// <summary>The object for calls with these headers.</summary>
    internal CoreObject For(Metadata? headers)
    {
        if (headers is null || headers.Count == 0) return _object;
        var token = headers.GetValue("token") ?? headers.GetValue("authorization");
        if (string.IsNullOrEmpty(token)) return _object;
        lock (_byToken)
        {
            var known = _byToken.FirstOrDefault(entry => entry.Token == token).Client;
            if (known is not null) return known;
            _ = _object.Value; // A closed client makes no others.
            var config = _config.Clone();
            config.User = config.Password = "";
            config.Token = token;
            var client = Open(config);
            if (_byToken.Count == TokensMax)
            {
                _byToken[0].Client.Dispose();
                _byToken.RemoveAt(0);
            }

            _byToken.Add((token!, client));
            return client;
        }
    }

    /// <summary>A client of the keys below a prefix, on the same connections.</summary>
    internal CoreClient Below(byte[] prefix)
    {
        var request = new Namespace { Prefix = ByteString.CopyFrom(prefix) };
        var outcome = _object.Call(Methods.ClientNamespace, RequestBuffer.Of(request).Encoded, CoreObject.DefaultTimeout, default);
        if (!outcome.Ok) throw outcome.ToRpcException();
        outcome.Discard();
        var config = _config.Clone();
        config.Namespace = ByteString.CopyFrom([.. config.Namespace, .. prefix]);
        return new CoreClient(config, AsOperationCanceled, new CoreObject(outcome.Handle, Name));
    }

    /// <summary>Goes on as another user; no name goes on without one.</summary>
    internal void SetUser(string name, string password)
    {
        _object.Call(Methods.ClientSetUser, new Bridge.V1.User { Name = name, Password = password }, Empty.Parser);
        _config.User = name;
        _config.Password = password;
    }

    /// <summary>Opens a watch; completes when the server has confirmed it, and tells so in the stream's first item.</summary>
    internal async Task<CoreStream<WatchResponse>> WatchAsync(
        WatchCreateRequest create, Metadata? headers, long timeoutMs, CancellationToken cancellationToken)
    {
        var options = new WatchOptions { Create = create, DeliverCreated = true };
        var (stream, _) = await For(headers)
            .OpenAsync(Methods.WatchOpen, options, WatchResponse.Parser, "watch", timeoutMs, cancellationToken)
            .ConfigureAwait(false);
        return new CoreStream<WatchResponse>(stream, WatchResponse.Parser.ParseFrom);
    }

    /// <summary>Keeps a lease alive until the stream is disposed.</summary>
    internal async Task<CoreStream<LeaseKeepAliveResponse>> KeepAliveAsync(
        long lease, Metadata? headers, CancellationToken cancellationToken)
    {
        var request = new LeaseKeepAliveRequest { ID = lease };
        var (stream, _) = await For(headers)
            .OpenAsync(Methods.LeaseKeepAlive, request, Empty.Parser, "keep-alive", CoreObject.DefaultTimeout, cancellationToken)
            .ConfigureAwait(false);
        return new CoreStream<LeaseKeepAliveResponse>(stream, LeaseKeepAliveResponse.Parser.ParseFrom);
    }

    /// <summary>Renews a lease once.</summary>
    internal Task<LeaseKeepAliveResponse> KeepAliveOnceAsync(
        LeaseKeepAliveRequest request, CallOptions options, CancellationToken cancellationToken) =>
        For(options.Headers).CallAsync(
            Methods.LeaseKeepAliveOnce,
            request,
            LeaseKeepAliveResponse.Parser,
            cancellationToken,
            Limit.Milliseconds(options.Deadline) ?? CoreObject.DefaultTimeout);

    private static CoreObject Open(ClientConfig config)
    {
        try
        {
            return CoreObject.Open(Methods.ClientOpen, config, Name);
        }
        catch (RpcException failure) when (failure.Kind == ErrorKind.InvalidArgument)
        {
            throw new ArgumentException(failure.Status.Detail, failure);
        }
        catch (RpcException failure) when (failure.Kind == ErrorKind.Unimplemented)
        {
            throw new NotSupportedException(failure.Status.Detail, failure);
        }
    }
}
