using System;

namespace EtcdKit.Grpc;

/// <summary>Makes calls. The client's own is on the native core; tests and interceptors put others in its place.</summary>
public abstract class CallInvoker
{
    /// <summary>Makes a unary call and waits for its response.</summary>
    /// <typeparam name="TRequest">The request.</typeparam>
    /// <typeparam name="TResponse">The response.</typeparam>
    /// <param name="method">The method.</param>
    /// <param name="host">Not used.</param>
    /// <param name="options">The options.</param>
    /// <param name="request">The request.</param>
    public abstract TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
        where TRequest : class
        where TResponse : class;

    /// <summary>Starts a unary call.</summary>
    /// <typeparam name="TRequest">The request.</typeparam>
    /// <typeparam name="TResponse">The response.</typeparam>
    /// <param name="method">The method.</param>
    /// <param name="host">Not used.</param>
    /// <param name="options">The options.</param>
    /// <param name="request">The request.</param>
    public abstract AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
        where TRequest : class
        where TResponse : class;

    /// <summary>Starts a call whose response is a stream.</summary>
    /// <typeparam name="TRequest">The request.</typeparam>
    /// <typeparam name="TResponse">The response.</typeparam>
    /// <param name="method">The method.</param>
    /// <param name="host">Not used.</param>
    /// <param name="options">The options.</param>
    /// <param name="request">The request.</param>
    public abstract AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
        where TRequest : class
        where TResponse : class;

    /// <summary>Starts a call whose request is a stream. etcd has no such method.</summary>
    /// <typeparam name="TRequest">The request.</typeparam>
    /// <typeparam name="TResponse">The response.</typeparam>
    /// <param name="method">The method.</param>
    /// <param name="host">Not used.</param>
    /// <param name="options">The options.</param>
    public abstract AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options)
        where TRequest : class
        where TResponse : class;

    /// <summary>Starts a call that streams both ways.</summary>
    /// <typeparam name="TRequest">The request.</typeparam>
    /// <typeparam name="TResponse">The response.</typeparam>
    /// <param name="method">The method.</param>
    /// <param name="host">Not used.</param>
    /// <param name="options">The options.</param>
    public abstract AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options)
        where TRequest : class
        where TResponse : class;
}

/// <summary>Something that calls are made over.</summary>
public abstract class ChannelBase
{
    /// <summary>Makes a channel.</summary>
    /// <param name="target">Whom it speaks to.</param>
    protected ChannelBase(string target) => Target = target ?? throw new ArgumentNullException(nameof(target));

    /// <summary>Whom it speaks to.</summary>
    public string Target { get; }

    /// <summary>What makes calls over it.</summary>
    public abstract CallInvoker CreateCallInvoker();
}

/// <summary>Base of the generated service clients.</summary>
public abstract class ClientBase
{
    /// <summary>For mocks: a client whose methods are all replaced.</summary>
    protected ClientBase()
        : this(new ClientBaseConfiguration(new NoCalls(), null))
    {
    }

    /// <summary>A client of a channel.</summary>
    /// <param name="channel">The channel.</param>
    protected ClientBase(ChannelBase channel)
        : this((channel ?? throw new ArgumentNullException(nameof(channel))).CreateCallInvoker())
    {
    }

    /// <summary>A client whose calls an invoker makes.</summary>
    /// <param name="callInvoker">The invoker.</param>
    protected ClientBase(CallInvoker callInvoker)
        : this(new ClientBaseConfiguration(callInvoker ?? throw new ArgumentNullException(nameof(callInvoker)), null))
    {
    }

    /// <summary>A client of a configuration.</summary>
    /// <param name="configuration">The configuration.</param>
    protected ClientBase(ClientBaseConfiguration configuration)
    {
        Configuration = configuration ?? throw new ArgumentNullException(nameof(configuration));
        CallInvoker = configuration.Invoker;
    }

    /// <summary>What makes the calls.</summary>
    protected CallInvoker CallInvoker { get; }

    internal ClientBaseConfiguration Configuration { get; }

    /// <summary>What a generated client is made with.</summary>
    protected internal class ClientBaseConfiguration
    {
        internal ClientBaseConfiguration(CallInvoker invoker, string? host)
        {
            Invoker = invoker;
            Host = host;
        }

        internal CallInvoker Invoker { get; }

        internal string? Host { get; }
    }

    private sealed class NoCalls : CallInvoker
    {
        public override TResponse BlockingUnaryCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => throw Missing();

        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => throw Missing();

        public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => throw Missing();

        public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options) => throw Missing();

        public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options) => throw Missing();

        private static NotImplementedException Missing() =>
            new("this client was made without a transport, for a mock, and the method is not mocked");
    }
}

/// <summary>Base of a generated service client.</summary>
/// <typeparam name="T">The client.</typeparam>
public abstract class ClientBase<T> : ClientBase
    where T : ClientBase<T>
{
    /// <summary>For mocks: a client whose methods are all replaced.</summary>
    protected ClientBase()
    {
    }

    /// <summary>A client of a channel.</summary>
    /// <param name="channel">The channel.</param>
    protected ClientBase(ChannelBase channel)
        : base(channel)
    {
    }

    /// <summary>A client whose calls an invoker makes.</summary>
    /// <param name="callInvoker">The invoker.</param>
    protected ClientBase(CallInvoker callInvoker)
        : base(callInvoker)
    {
    }

    /// <summary>A client of a configuration.</summary>
    /// <param name="configuration">The configuration.</param>
    protected ClientBase(ClientBaseConfiguration configuration)
        : base(configuration)
    {
    }

    /// <summary>The same client for another host name.</summary>
    /// <param name="host">The host name.</param>
    public T WithHost(string host) => NewInstance(new ClientBaseConfiguration(Configuration.Invoker, host));

    /// <summary>Makes a client of a configuration.</summary>
    /// <param name="configuration">The configuration.</param>
    protected abstract T NewInstance(ClientBaseConfiguration configuration);
}
