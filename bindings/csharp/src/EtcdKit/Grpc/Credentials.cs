using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace EtcdKit.Grpc;

/// <summary>How a client proves who it is and whom it trusts.</summary>
public abstract class ChannelCredentials
{
    /// <summary>Plain text.</summary>
    public static ChannelCredentials Insecure { get; } = new InsecureCredentials();

    /// <summary>TLS, checked against the roots of the system.</summary>
    public static ChannelCredentials SecureSsl { get; } = new SslCredentials();

    /// <summary>Combines a channel's credentials with headers that are added to each call.</summary>
    /// <param name="channelCredentials">How to connect.</param>
    /// <param name="callCredentials">What to add to each call.</param>
    public static ChannelCredentials Create(ChannelCredentials channelCredentials, CallCredentials callCredentials) =>
        new CompositeCredentials(
            channelCredentials ?? throw new ArgumentNullException(nameof(channelCredentials)),
            callCredentials ?? throw new ArgumentNullException(nameof(callCredentials)));

    internal virtual SslCredentials? Tls => null;

    internal virtual CallCredentials? Call => null;

    private sealed class InsecureCredentials : ChannelCredentials;

    private sealed class CompositeCredentials(ChannelCredentials channel, CallCredentials call) : ChannelCredentials
    {
        internal override SslCredentials? Tls => channel.Tls;

        internal override CallCredentials? Call =>
            channel.Call is { } inner ? CallCredentials.Compose(inner, call) : call;
    }
}

/// <summary>TLS credentials, as PEM text.</summary>
public sealed class SslCredentials : ChannelCredentials
{
    /// <summary>TLS, checked against the roots of the system.</summary>
    public SslCredentials()
        : this(null, null)
    {
    }

    /// <summary>TLS with roots of one's own.</summary>
    /// <param name="rootCertificates">The trusted roots as PEM; null is the roots of the system.</param>
    public SslCredentials(string? rootCertificates)
        : this(rootCertificates, null)
    {
    }

    /// <summary>TLS with roots and a client certificate.</summary>
    /// <param name="rootCertificates">The trusted roots as PEM; null is the roots of the system.</param>
    /// <param name="keyCertificatePair">The client's certificate and key, or null.</param>
    public SslCredentials(string? rootCertificates, KeyCertificatePair? keyCertificatePair)
    {
        RootCertificates = rootCertificates;
        KeyCertificatePair = keyCertificatePair;
    }

    /// <summary>The trusted roots as PEM; null is the roots of the system.</summary>
    public string? RootCertificates { get; }

    /// <summary>The client's certificate and key, or null.</summary>
    public KeyCertificatePair? KeyCertificatePair { get; }

    internal override SslCredentials Tls => this;
}

/// <summary>A certificate chain and its private key, as PEM.</summary>
public sealed class KeyCertificatePair
{
    /// <summary>Makes a pair.</summary>
    /// <param name="certificateChain">The chain, leaf first.</param>
    /// <param name="privateKey">The key.</param>
    public KeyCertificatePair(string certificateChain, string privateKey)
    {
        CertificateChain = certificateChain ?? throw new ArgumentNullException(nameof(certificateChain));
        PrivateKey = privateKey ?? throw new ArgumentNullException(nameof(privateKey));
    }

    /// <summary>The chain, leaf first.</summary>
    public string CertificateChain { get; }

    /// <summary>The key.</summary>
    public string PrivateKey { get; }
}

/// <summary>What a call is, for those that add headers to it.</summary>
public class AuthInterceptorContext
{
    /// <summary>Makes a context.</summary>
    /// <param name="serviceUrl">The service.</param>
    /// <param name="methodName">The method.</param>
    public AuthInterceptorContext(string serviceUrl, string methodName)
        : this(serviceUrl, methodName, CancellationToken.None)
    {
    }

    /// <summary>Makes a context.</summary>
    /// <param name="serviceUrl">The service.</param>
    /// <param name="methodName">The method.</param>
    /// <param name="cancellationToken">Cancelled with the call.</param>
    public AuthInterceptorContext(string serviceUrl, string methodName, CancellationToken cancellationToken)
    {
        ServiceUrl = serviceUrl ?? throw new ArgumentNullException(nameof(serviceUrl));
        MethodName = methodName ?? throw new ArgumentNullException(nameof(methodName));
        CancellationToken = cancellationToken;
    }

    /// <summary>The service.</summary>
    public string ServiceUrl { get; }

    /// <summary>The method.</summary>
    public string MethodName { get; }

    /// <summary>Cancelled with the call.</summary>
    public CancellationToken CancellationToken { get; }
}

/// <summary>Adds headers to a call.</summary>
/// <param name="context">What the call is.</param>
/// <param name="metadata">Where to add.</param>
public delegate Task AsyncAuthInterceptor(AuthInterceptorContext context, Metadata metadata);

/// <summary>Adds headers to each call, such as a token.</summary>
public abstract class CallCredentials
{
    /// <summary>Credentials that ask each of several others in turn.</summary>
    /// <param name="credentials">The others.</param>
    public static CallCredentials Compose(params CallCredentials[] credentials) => new Composed(credentials);

    /// <summary>Credentials from a function.</summary>
    /// <param name="interceptor">The function.</param>
    public static CallCredentials FromInterceptor(AsyncAuthInterceptor interceptor) =>
        new FromFunction(interceptor ?? throw new ArgumentNullException(nameof(interceptor)));

    internal abstract Task AddToAsync(AuthInterceptorContext context, Metadata metadata);

    private sealed class Composed(IReadOnlyList<CallCredentials> all) : CallCredentials
    {
        internal override async Task AddToAsync(AuthInterceptorContext context, Metadata metadata)
        {
            foreach (var credentials in all) await credentials.AddToAsync(context, metadata).ConfigureAwait(false);
        }
    }

    private sealed class FromFunction(AsyncAuthInterceptor interceptor) : CallCredentials
    {
        internal override Task AddToAsync(AuthInterceptorContext context, Metadata metadata) =>
            interceptor(context, metadata);
    }
}
