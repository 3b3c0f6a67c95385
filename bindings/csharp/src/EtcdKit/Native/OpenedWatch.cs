using System;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using EtcdKit.interfaces;
using Etcdserverpb;

namespace EtcdKit.Native;

/// <summary>Opens a watch; completes when the server has confirmed it, and fails by the deadline if it does not.</summary>
internal delegate Task<OpenedWatch> WatchOpener(
    WatchRequest request, Metadata? headers, DateTime? deadline, CancellationToken cancellationToken);

/// <summary>A watch that the server has confirmed. Its first response is the confirmation.</summary>
internal sealed class OpenedWatch(IAsyncStreamReader<WatchResponse> responses, Action dispose) : IDisposable
{
    internal IAsyncStreamReader<WatchResponse> Responses => responses;

    public void Dispose() => dispose();

    /// <summary>Opens watches on the core.</summary>
    internal static WatchOpener On(CoreClient client) => async (request, headers, deadline, cancellationToken) =>
    {
        if (request.CreateRequest is null)
        {
            throw new ArgumentException("to watch, a WatchRequest needs its CreateRequest", nameof(request));
        }

        var timeout = Limit.Milliseconds(deadline) ?? CoreObject.DefaultTimeout;
        try
        {
            var stream = await client
                .WatchAsync(request.CreateRequest, headers, Math.Max(timeout, deadline is null ? 0 : 1), cancellationToken)
                .ConfigureAwait(false);
            return new OpenedWatch(stream, stream.Dispose);
        }
        catch (RpcException failure) when (failure.Kind == ErrorKind.DeadlineExceeded)
        {
            throw new TimeoutException("the server did not confirm the watch in time", failure);
        }
    };
}

/// <summary>Watches over a call that streams both ways, for connections that are not the core's.</summary>
internal static class DuplexWatch
{
    internal static WatchOpener Opener(
        Func<Metadata?, DateTime?, CancellationToken, IAsyncDuplexStreamingCall<WatchRequest, WatchResponse>> start) =>
        async (request, headers, deadline, cancellationToken) =>
        {
            var call = start(headers, null, cancellationToken);
            try
            {
                using var limit = Limit.Of(deadline, cancellationToken);
                await call.RequestStream.WriteAsync(request).ConfigureAwait(false);
                if (!await call.ResponseStream.MoveNext(limit.Token).ConfigureAwait(false))
                {
                    throw new RpcException(new Status(StatusCode.Unavailable, "the watch ended before it was confirmed"));
                }

                var first = call.ResponseStream.Current;
                if (first.Canceled) throw new RpcException(new Status(StatusCode.Cancelled, first.CancelReason));
                return new OpenedWatch(new Beginning(first, call.ResponseStream), call.Dispose);
            }
            catch (Exception failure)
            {
                call.Dispose();
                if (failure is OperationCanceledException && !cancellationToken.IsCancellationRequested)
                {
                    throw new TimeoutException("the server did not confirm the watch in time", failure);
                }

                throw;
            }
        };

    /// <summary>The watches of a generated client.</summary>
    internal static WatchOpener Opener(IConnection connection) =>
        Opener((headers, deadline, cancellationToken) =>
            new Adapter(connection.WatchClient.Watch(headers, deadline, cancellationToken)));

    private sealed class Adapter(AsyncDuplexStreamingCall<WatchRequest, WatchResponse> call)
        : IAsyncDuplexStreamingCall<WatchRequest, WatchResponse>
    {
        public IClientStreamWriter<WatchRequest> RequestStream => call.RequestStream;

        public IAsyncStreamReader<WatchResponse> ResponseStream => call.ResponseStream;

        public void Dispose() => call.Dispose();
    }

    /// <summary>A stream with the response that was already read before it.</summary>
    private sealed class Beginning(WatchResponse first, IAsyncStreamReader<WatchResponse> rest) : IAsyncStreamReader<WatchResponse>
    {
        private int _read;

        public WatchResponse Current => _read > 1 ? rest.Current : first;

        public Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            if (_read < 2) _read++;
            return _read == 1 ? Task.FromResult(true) : rest.MoveNext(cancellationToken);
        }
    }
}
