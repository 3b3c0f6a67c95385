using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

namespace EtcdKit.Grpc;

/// <summary>A stream of messages to read.</summary>
/// <typeparam name="T">The message.</typeparam>
public interface IAsyncStreamReader<out T>
{
    /// <summary>The message that the last successful <see cref="MoveNext"/> read.</summary>
    T Current { get; }

    /// <summary>Reads the next message; false at the end of the stream.</summary>
    /// <param name="cancellationToken">Ends the wait; the stream stays usable.</param>
    Task<bool> MoveNext(CancellationToken cancellationToken);
}

/// <summary>A stream of messages to write.</summary>
/// <typeparam name="T">The message.</typeparam>
public interface IAsyncStreamWriter<in T>
{
    /// <summary>Has no effect.</summary>
    WriteOptions? WriteOptions { get; set; }

    /// <summary>Writes a message.</summary>
    /// <param name="message">The message.</param>
    Task WriteAsync(T message);
}

/// <summary>A stream of requests to write.</summary>
/// <typeparam name="T">The request.</typeparam>
public interface IClientStreamWriter<in T> : IAsyncStreamWriter<T>
{
    /// <summary>Tells that no request will follow.</summary>
    Task CompleteAsync();
}

/// <summary>Reading streams with less words.</summary>
public static class AsyncStreamReaderExtensions
{
    /// <summary>Reads the next message; false at the end of the stream.</summary>
    /// <typeparam name="T">The message.</typeparam>
    /// <param name="streamReader">The stream.</param>
    public static Task<bool> MoveNext<T>(this IAsyncStreamReader<T> streamReader) =>
        (streamReader ?? throw new ArgumentNullException(nameof(streamReader))).MoveNext(CancellationToken.None);

    /// <summary>All messages, for <c>await foreach</c>.</summary>
    /// <typeparam name="T">The message.</typeparam>
    /// <param name="streamReader">The stream.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async IAsyncEnumerable<T> ReadAllAsync<T>(
        this IAsyncStreamReader<T> streamReader,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        if (streamReader is null) throw new ArgumentNullException(nameof(streamReader));
        while (await streamReader.MoveNext(cancellationToken).ConfigureAwait(false)) yield return streamReader.Current;
    }
}

/// <summary>What all calls in progress tell.</summary>
public abstract class AsyncCall : IDisposable
{
    private readonly Task<Metadata> _headers;
    private readonly Func<Status> _status;
    private readonly Func<Metadata> _trailers;
    private readonly Action _dispose;

    private protected AsyncCall(
        Task<Metadata> responseHeadersAsync, Func<Status> getStatusFunc, Func<Metadata> getTrailersFunc, Action disposeAction)
    {
        _headers = responseHeadersAsync;
        _status = getStatusFunc;
        _trailers = getTrailersFunc;
        _dispose = disposeAction;
    }

    /// <summary>The headers of the response; the core tells none.</summary>
    public Task<Metadata> ResponseHeadersAsync => _headers;

    /// <summary>How the call ended.</summary>
    /// <exception cref="InvalidOperationException">It has not ended.</exception>
    public Status GetStatus() => _status();

    /// <summary>The trailers of the response; the core tells none.</summary>
    /// <exception cref="InvalidOperationException">The call has not ended.</exception>
    public Metadata GetTrailers() => _trailers();

    /// <summary>Ends a streaming call. A unary call is cancelled by the token it was started with.</summary>
    public void Dispose()
    {
        _dispose();
        GC.SuppressFinalize(this);
    }
}

/// <summary>A unary call in progress. It can be awaited.</summary>
/// <typeparam name="TResponse">The response.</typeparam>
public sealed class AsyncUnaryCall<TResponse> : AsyncCall
{
    /// <summary>Makes a call; for tests and interceptors.</summary>
    /// <param name="responseAsync">The response to come.</param>
    /// <param name="responseHeadersAsync">The headers to come.</param>
    /// <param name="getStatusFunc">Tells how the call ended.</param>
    /// <param name="getTrailersFunc">Tells the trailers.</param>
    /// <param name="disposeAction">Cancels the call.</param>
    public AsyncUnaryCall(
        Task<TResponse> responseAsync,
        Task<Metadata> responseHeadersAsync,
        Func<Status> getStatusFunc,
        Func<Metadata> getTrailersFunc,
        Action disposeAction)
        : base(responseHeadersAsync, getStatusFunc, getTrailersFunc, disposeAction) => ResponseAsync = responseAsync;

    /// <summary>The response to come.</summary>
    public Task<TResponse> ResponseAsync { get; }

    /// <summary>Lets the call be awaited.</summary>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public TaskAwaiter<TResponse> GetAwaiter() => ResponseAsync.GetAwaiter();

    /// <summary>Lets the call be awaited without its context.</summary>
    /// <param name="continueOnCapturedContext">Whether to go on in the present context.</param>
    public ConfiguredTaskAwaitable<TResponse> ConfigureAwait(bool continueOnCapturedContext) =>
        ResponseAsync.ConfigureAwait(continueOnCapturedContext);
}

/// <summary>A call in progress whose response is a stream.</summary>
/// <typeparam name="TResponse">The response.</typeparam>
public sealed class AsyncServerStreamingCall<TResponse> : AsyncCall
{
    /// <summary>Makes a call; for tests and interceptors.</summary>
    /// <param name="responseStream">The responses.</param>
    /// <param name="responseHeadersAsync">The headers to come.</param>
    /// <param name="getStatusFunc">Tells how the call ended.</param>
    /// <param name="getTrailersFunc">Tells the trailers.</param>
    /// <param name="disposeAction">Cancels the call.</param>
    public AsyncServerStreamingCall(
        IAsyncStreamReader<TResponse> responseStream,
        Task<Metadata> responseHeadersAsync,
        Func<Status> getStatusFunc,
        Func<Metadata> getTrailersFunc,
        Action disposeAction)
        : base(responseHeadersAsync, getStatusFunc, getTrailersFunc, disposeAction) => ResponseStream = responseStream;

    /// <summary>The responses.</summary>
    public IAsyncStreamReader<TResponse> ResponseStream { get; }
}

/// <summary>A call in progress whose request is a stream.</summary>
/// <typeparam name="TRequest">The request.</typeparam>
/// <typeparam name="TResponse">The response.</typeparam>
public sealed class AsyncClientStreamingCall<TRequest, TResponse> : AsyncCall
{
    /// <summary>Makes a call; for tests and interceptors.</summary>
    /// <param name="requestStream">The requests.</param>
    /// <param name="responseAsync">The response to come.</param>
    /// <param name="responseHeadersAsync">The headers to come.</param>
    /// <param name="getStatusFunc">Tells how the call ended.</param>
    /// <param name="getTrailersFunc">Tells the trailers.</param>
    /// <param name="disposeAction">Cancels the call.</param>
    public AsyncClientStreamingCall(
        IClientStreamWriter<TRequest> requestStream,
        Task<TResponse> responseAsync,
        Task<Metadata> responseHeadersAsync,
        Func<Status> getStatusFunc,
        Func<Metadata> getTrailersFunc,
        Action disposeAction)
        : base(responseHeadersAsync, getStatusFunc, getTrailersFunc, disposeAction)
    {
        RequestStream = requestStream;
        ResponseAsync = responseAsync;
    }

    /// <summary>The requests.</summary>
    public IClientStreamWriter<TRequest> RequestStream { get; }

    /// <summary>The response to come.</summary>
    public Task<TResponse> ResponseAsync { get; }

    /// <summary>Lets the call be awaited.</summary>
    [EditorBrowsable(EditorBrowsableState.Never)]
    public TaskAwaiter<TResponse> GetAwaiter() => ResponseAsync.GetAwaiter();
}

/// <summary>A call in progress that streams both ways.</summary>
/// <typeparam name="TRequest">The request.</typeparam>
/// <typeparam name="TResponse">The response.</typeparam>
public sealed class AsyncDuplexStreamingCall<TRequest, TResponse> : AsyncCall
{
    /// <summary>Makes a call; for tests and interceptors.</summary>
    /// <param name="requestStream">The requests.</param>
    /// <param name="responseStream">The responses.</param>
    /// <param name="responseHeadersAsync">The headers to come.</param>
    /// <param name="getStatusFunc">Tells how the call ended.</param>
    /// <param name="getTrailersFunc">Tells the trailers.</param>
    /// <param name="disposeAction">Cancels the call.</param>
    public AsyncDuplexStreamingCall(
        IClientStreamWriter<TRequest> requestStream,
        IAsyncStreamReader<TResponse> responseStream,
        Task<Metadata> responseHeadersAsync,
        Func<Status> getStatusFunc,
        Func<Metadata> getTrailersFunc,
        Action disposeAction)
        : base(responseHeadersAsync, getStatusFunc, getTrailersFunc, disposeAction)
    {
        RequestStream = requestStream;
        ResponseStream = responseStream;
    }

    /// <summary>The requests.</summary>
    public IClientStreamWriter<TRequest> RequestStream { get; }

    /// <summary>The responses.</summary>
    public IAsyncStreamReader<TResponse> ResponseStream { get; }
}
