using System;

namespace EtcdKit.Grpc.Interceptors;

/// <summary>What an intercepted call is.</summary>
/// <typeparam name="TRequest">The request.</typeparam>
/// <typeparam name="TResponse">The response.</typeparam>
public readonly struct ClientInterceptorContext<TRequest, TResponse>
    where TRequest : class
    where TResponse : class
{
    /// <summary>Makes a context.</summary>
    /// <param name="method">The method.</param>
    /// <param name="host">Not used.</param>
    /// <param name="options">The options of the call.</param>
    public ClientInterceptorContext(Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        Method = method;
        Host = host;
        Options = options;
    }

    /// <summary>The method.</summary>
    public Method<TRequest, TResponse> Method { get; }

    /// <summary>Not used.</summary>
    public string? Host { get; }

    /// <summary>The options of the call.</summary>
    public CallOptions Options { get; }
}

/// <summary>Sees and may change every call of a client: override what is of interest.</summary>
public abstract class Interceptor
{
    /// <summary>Goes on with a blocking unary call.</summary>
    /// <typeparam name="TRequest">The request.</typeparam>
    /// <typeparam name="TResponse">The response.</typeparam>
    /// <param name="request">The request.</param>
    /// <param name="context">What the call is.</param>
    public delegate TResponse BlockingUnaryCallContinuation<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context)
        where TRequest : class
        where TResponse : class;

    /// <summary>Goes on with a unary call.</summary>
    /// <typeparam name="TRequest">The request.</typeparam>
    /// <typeparam name="TResponse">The response.</typeparam>
    /// <param name="request">The request.</param>
    /// <param name="context">What the call is.</param>
    public delegate AsyncUnaryCall<TResponse> AsyncUnaryCallContinuation<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context)
        where TRequest : class
        where TResponse : class;

    /// <summary>Goes on with a call whose response is a stream.</summary>
    /// <typeparam name="TRequest">The request.</typeparam>
    /// <typeparam name="TResponse">The response.</typeparam>
    /// <param name="request">The request.</param>
    /// <param name="context">What the call is.</param>
    public delegate AsyncServerStreamingCall<TResponse> AsyncServerStreamingCallContinuation<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context)
        where TRequest : class
        where TResponse : class;

    /// <summary>Goes on with a call whose request is a stream.</summary>
    /// <typeparam name="TRequest">The request.</typeparam>
    /// <typeparam name="TResponse">The response.</typeparam>
    /// <param name="context">What the call is.</param>
    public delegate AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCallContinuation<TRequest, TResponse>(
        ClientInterceptorContext<TRequest, TResponse> context)
        where TRequest : class
        where TResponse : class;

    /// <summary>Goes on with a call that streams both ways.</summary>
    /// <typeparam name="TRequest">The request.</typeparam>
    /// <typeparam name="TResponse">The response.</typeparam>
    /// <param name="context">What the call is.</param>
    public delegate AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCallContinuation<TRequest, TResponse>(
        ClientInterceptorContext<TRequest, TResponse> context)
        where TRequest : class
        where TResponse : class;

    /// <summary>A blocking unary call passes.</summary>
    /// <typeparam name="TRequest">The request.</typeparam>
    /// <typeparam name="TResponse">The response.</typeparam>
    /// <param name="request">The request.</param>
    /// <param name="context">What the call is.</param>
    /// <param name="continuation">Makes the call.</param>
    public virtual TResponse BlockingUnaryCall<TRequest, TResponse>(
        TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context,
        BlockingUnaryCallContinuation<TRequest, TResponse> continuation)
        where TRequest : class
        where TResponse : class => continuation(request, context);

    /// <summary>A unary call passes.</summary>
    /// <typeparam name="TRequest">The request.</typeparam>
    /// <typeparam name="TResponse">The response.</typeparam>
    /// <param name="request">The request.</param>
    /// <param name="context">What the call is.</param>
    /// <param name="continuation">Makes the call.</param>
    public virtual AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
        where TRequest : class
        where TResponse : class => continuation(request, context);

    /// <summary>A call whose response is a stream passes.</summary>
    /// <typeparam name="TRequest">The request.</typeparam>
    /// <typeparam name="TResponse">The response.</typeparam>
    /// <param name="request">The request.</param>
    /// <param name="context">What the call is.</param>
    /// <param name="continuation">Makes the call.</param>
    public virtual AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncServerStreamingCallContinuation<TRequest, TResponse> continuation)
        where TRequest : class
        where TResponse : class => continuation(request, context);

    /// <summary>A call whose request is a stream passes.</summary>
    /// <typeparam name="TRequest">The request.</typeparam>
    /// <typeparam name="TResponse">The response.</typeparam>
    /// <param name="context">What the call is.</param>
    /// <param name="continuation">Makes the call.</param>
    public virtual AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncClientStreamingCallContinuation<TRequest, TResponse> continuation)
        where TRequest : class
        where TResponse : class => continuation(context);

    /// <summary>A call that streams both ways passes.</summary>
    /// <typeparam name="TRequest">The request.</typeparam>
    /// <typeparam name="TResponse">The response.</typeparam>
    /// <param name="context">What the call is.</param>
    /// <param name="continuation">Makes the call.</param>
    public virtual AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncDuplexStreamingCallContinuation<TRequest, TResponse> continuation)
        where TRequest : class
        where TResponse : class => continuation(context);
}

/// <summary>Puts interceptors before an invoker.</summary>
public static class CallInvokerExtensions
{
    /// <summary>An invoker whose calls pass through an interceptor first.</summary>
    /// <param name="invoker">The invoker.</param>
    /// <param name="interceptor">The interceptor.</param>
    public static CallInvoker Intercept(this CallInvoker invoker, Interceptor interceptor) =>
        new Intercepted(
            invoker ?? throw new ArgumentNullException(nameof(invoker)),
            interceptor ?? throw new ArgumentNullException(nameof(interceptor)));

    /// <summary>An invoker whose calls pass through several interceptors, the first one first.</summary>
    /// <param name="invoker">The invoker.</param>
    /// <param name="interceptors">The interceptors.</param>
    public static CallInvoker Intercept(this CallInvoker invoker, params Interceptor[] interceptors)
    {
        if (interceptors is null) throw new ArgumentNullException(nameof(interceptors));
        for (var index = interceptors.Length - 1; index >= 0; index--) invoker = invoker.Intercept(interceptors[index]);
        return invoker;
    }

    private sealed class Intercepted(CallInvoker inner, Interceptor interceptor) : CallInvoker
    {
        public override TResponse BlockingUnaryCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            interceptor.BlockingUnaryCall(
                request,
                new ClientInterceptorContext<TRequest, TResponse>(method, host, options),
                (message, context) => inner.BlockingUnaryCall(context.Method, context.Host, context.Options, message));

        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            interceptor.AsyncUnaryCall(
                request,
                new ClientInterceptorContext<TRequest, TResponse>(method, host, options),
                (message, context) => inner.AsyncUnaryCall(context.Method, context.Host, context.Options, message));

        public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            interceptor.AsyncServerStreamingCall(
                request,
                new ClientInterceptorContext<TRequest, TResponse>(method, host, options),
                (message, context) =>
                    inner.AsyncServerStreamingCall(context.Method, context.Host, context.Options, message));

        public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options) =>
            interceptor.AsyncClientStreamingCall(
                new ClientInterceptorContext<TRequest, TResponse>(method, host, options),
                context => inner.AsyncClientStreamingCall(context.Method, context.Host, context.Options));

        public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options) =>
            interceptor.AsyncDuplexStreamingCall(
                new ClientInterceptorContext<TRequest, TResponse>(method, host, options),
                context => inner.AsyncDuplexStreamingCall(context.Method, context.Host, context.Options));
    }
}
