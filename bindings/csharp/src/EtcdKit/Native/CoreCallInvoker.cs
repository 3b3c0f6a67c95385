using System;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Bridge.V1;
using EtcdKit.Grpc;
using Etcdserverpb;
using Google.Protobuf;
using V3Electionpb;

namespace EtcdKit.Native;

/// <summary>Makes the calls of the generated service clients on the core.</summary>
internal sealed class CoreCallInvoker(CoreClient client, CallCredentials? credentials = null) : CallInvoker
{
    private static readonly Task<Metadata> NoHeaders = Task.FromResult(Metadata.Empty);

    /// <summary>The client that the calls go to.</summary>
    internal CoreClient Client => client;

    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        var id = Number(method);
        var target = client.For(Headers(method, options));
        var timeout = Timeout(options);
        var encoded = RequestBuffer.Of(request, method.RequestMarshaller).Encoded;
        var outcome = target.Call(id, encoded, timeout, options.CancellationToken);
        return Response(method, options, outcome);
    }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        var response = UnaryAsync(method, options, request);
        return new AsyncUnaryCall<TResponse>(response, NoHeaders, () => StatusOf(response), () => Metadata.Empty, Nothing);
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        var (id, parser) = method.FullName switch
        {
            "/etcdserverpb.KV/RangeStream" => (Methods.RangeStream, (MessageParser)RangeStreamResponse.Parser),
            "/etcdserverpb.Maintenance/Snapshot" => (Methods.Snapshot, SnapshotResponse.Parser),
            "/v3electionpb.Election/Observe" => (Methods.ElectionObserve, LeaderResponse.Parser),
            _ => throw Unknown(method),
        };
        var stream = new ServerStream<TResponse>(client, options, Headers(method, options), id, (IMessage)request, parser);
        return new AsyncServerStreamingCall<TResponse>(
            stream, NoHeaders, () => Status.DefaultSuccess, () => Metadata.Empty, stream.Dispose);
    }

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) => throw Unknown(method);

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        var withHeaders = Headers(method, options) is { } headers ? options.WithHeaders(headers) : options;
        object call;
        Action dispose;
        switch (method.FullName)
        {
            case "/etcdserverpb.Watch/Watch":
                var watch = new WatchCall(client, withHeaders);
                (call, dispose) = (watch, watch.Dispose);
                break;
            case "/etcdserverpb.Lease/LeaseKeepAlive":
                var keepAlive = new KeepAliveCall(client, withHeaders);
                (call, dispose) = (keepAlive, keepAlive.Dispose);
                break;
            default:
                throw Unknown(method);
        }

        return new AsyncDuplexStreamingCall<TRequest, TResponse>(
            (IClientStreamWriter<TRequest>)call,
            (IAsyncStreamReader<TResponse>)call,
            NoHeaders,
            () => Status.DefaultSuccess,
            () => Metadata.Empty,
            dispose);
    }

    private static void Nothing()
    {
        // A unary call is cancelled by its token; its result is collected in any case.
    }

    private static uint Number(IMethod method) =>
        Methods.ByPath.TryGetValue(method.FullName, out var id) ? id : throw Unknown(method);

    private static RpcException Unknown(IMethod method) =>
        new(new Status(StatusCode.Unimplemented, $"the client's core has no method {method.FullName}"));

    private static Exception Overdue(bool asOperationCanceled)
    {
        const string Message = "the deadline of the call had passed before it began";
        return asOperationCanceled
            ? new OperationCanceledException(Message)
            : new RpcException(new Status(StatusCode.DeadlineExceeded, Message));
    }

    private static Status StatusOf(Task task)
    {
        if (!task.IsCompleted) throw new InvalidOperationException("the call has not ended");
        if (task.IsCanceled) return Status.DefaultCancelled;
        return task.Exception?.InnerException is { } failure
            ? failure is RpcException rpc ? rpc.Status : new Status(StatusCode.Unknown, failure.Message, failure)
            : Status.DefaultSuccess;
    }

    private long Timeout(CallOptions options) => Limit.Milliseconds(options.Deadline) switch
    {
        null when options.Deadline is not null => CoreObject.NoTimeout,
        null => CoreObject.DefaultTimeout,
        0 => throw Overdue(client.AsOperationCanceled),
        { } left => left,
    };

    private TResponse Response<TRequest, TResponse>(
        Method<TRequest, TResponse> method, CallOptions options, in Outcome outcome) =>
        outcome.Ok
            ? outcome.Read(method.ResponseMarshaller)
            : throw outcome.ToException(options.CancellationToken, options.Deadline is not null, client.AsOperationCanceled);

    private async Task<TResponse> UnaryAsync<TRequest, TResponse>(
        Method<TRequest, TResponse> method, CallOptions options, TRequest request)
        where TRequest : class
        where TResponse : class
    {
        var id = Number(method);
        var target = client.For(await HeadersAsync(method, options).ConfigureAwait(false));
        var timeout = Timeout(options);
        var started = target.CallAsync(
            id, RequestBuffer.Of(request, method.RequestMarshaller).Encoded, timeout, options.CancellationToken);
        return Response(method, options, await started.ConfigureAwait(false));
    }

    private Metadata? Headers(IMethod method, CallOptions options) =>
        credentials is null && options.Credentials is null
            ? options.Headers
            : HeadersAsync(method, options).GetAwaiter().GetResult();

    private async ValueTask<Metadata?> HeadersAsync(IMethod method, CallOptions options)
    {
        if (credentials is null && options.Credentials is null) return options.Headers;
        var headers = new Metadata();
        foreach (var entry in options.Headers ?? Metadata.Empty) headers.Add(entry);
        var context = new AuthInterceptorContext(method.ServiceName, method.Name, options.CancellationToken);
        foreach (var source in new[] { credentials, options.Credentials })
        {
            if (source is not null) await source.AddToAsync(context, headers).ConfigureAwait(false);
        }

        return headers;
    }

    /// <summary>A stream of responses that is opened by the first read.</summary>
    private sealed class ServerStream<T>(
        CoreClient client, CallOptions options, Metadata? headers, uint method, IMessage request, MessageParser parser)
        : IAsyncStreamReader<T>
        where T : class
    {
        private readonly Limit _limit = Limit.Of(options.Deadline, options.CancellationToken);
        private readonly CancellationTokenSource _disposed = new();
        private CoreStream<T>? _stream;
        private T? _current;

        public T Current => _current ?? throw new InvalidOperationException("no message was read");

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            using var any = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _limit.Token, _disposed.Token);
            _stream ??= await OpenAsync(any.Token).ConfigureAwait(false);
            if (!await _stream.MoveNext(any.Token).ConfigureAwait(false)) return false;
            _current = _stream.Current;
            return true;
        }

        internal void Dispose()
        {
            _disposed.Cancel();
            _stream?.Dispose();
            _limit.Dispose();
        }

        private async Task<CoreStream<T>> OpenAsync(CancellationToken cancellationToken)
        {
            var (stream, _) = await client.For(headers)
                .OpenAsync(method, request, Empty.Parser, "stream", CoreObject.DefaultTimeout, cancellationToken)
                .ConfigureAwait(false);
            return new CoreStream<T>(stream, item => (T)parser.ParseFrom(item));
        }
    }
}
