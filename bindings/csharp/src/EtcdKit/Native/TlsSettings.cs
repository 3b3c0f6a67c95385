using System;
using System.Net.Http;
using System.Net.Security;
using EtcdKit.Bridge.V1;
using EtcdKit.Grpc;
using Google.Protobuf;
#if NET8_0_OR_GREATER
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
#endif

namespace EtcdKit.Native;

/// <summary>
/// Takes TLS settings over from where .NET programs keep them. The handshake is the core's, so certificates go there
/// as PEM, and a function that judges the server's certificate cannot be called: one that accepts everything is
/// understood, any other is refused when the client is made.
/// </summary>
internal sealed class TlsSettings(ClientConfig config)
{
    internal void Add(SslCredentials? credentials)
    {
        if (credentials is null) return;
        var tls = Tls();
        tls.CaPem = ByteString.CopyFromUtf8(credentials.RootCertificates ?? "");
        tls.CertPem = ByteString.CopyFromUtf8(credentials.KeyCertificatePair?.CertificateChain ?? "");
        tls.KeyPem = ByteString.CopyFromUtf8(credentials.KeyCertificatePair?.PrivateKey ?? "");
    }

    internal void Add(HttpMessageHandler? handler)
    {
        while (handler is DelegatingHandler outer) handler = outer.InnerHandler;
        if (handler is HttpClientHandler { ServerCertificateCustomValidationCallback: { } validate })
        {
            Accept(() => validate(new HttpRequestMessage(), null!, null!, EveryError));
        }
#if NET8_0_OR_GREATER
        if (handler is HttpClientHandler { ClientCertificates.Count: > 0 } withCertificates) Add(withCertificates.ClientCertificates);
        if (handler is not SocketsHttpHandler sockets) return;
        if (sockets.SslOptions is { } options && (options.TargetHost ?? (object?)options.ClientCertificates
            ?? options.RemoteCertificateValidationCallback ?? (object?)options.CertificateChainPolicy) is not null)
        {
            Add(options);
        }

        if (sockets.ConnectTimeout is { Ticks: > 0 } connect) config.ConnectTimeoutMs = (long)connect.TotalMilliseconds;
        if (sockets.KeepAlivePingDelay is { Ticks: > 0 } delay) config.KeepaliveTimeMs = (long)delay.TotalMilliseconds;
        if (sockets.KeepAlivePingTimeout is { Ticks: > 0 } limit) config.KeepaliveTimeoutMs = (long)limit.TotalMilliseconds;
#endif
    }

#if NET8_0_OR_GREATER
    internal void Add(SslClientAuthenticationOptions options)
    {
        var tls = Tls();
        if (!string.IsNullOrEmpty(options.TargetHost)) tls.ServerName = options.TargetHost;
        if (options.ClientCertificates is { Count: > 0 } certificates) Add(certificates);
        if (options.CertificateChainPolicy is { CustomTrustStore.Count: > 0 } policy)
        {
            tls.CaPem = ByteString.CopyFromUtf8(policy.CustomTrustStore.ExportCertificatePems());
        }

        if (options.RemoteCertificateValidationCallback is { } validate)
        {
            Accept(() => validate(this, null, null, EveryError));
        }

        if (options.LocalCertificateSelectionCallback is not null)
        {
            throw new NotSupportedException(
                "LocalCertificateSelectionCallback cannot be called by EtcdKit's core: put the certificate into ClientCertificates");
        }
    }

    private static string KeyPem(X509Certificate2 certificate)
    {
        try
        {
            using var rsa = certificate.GetRSAPrivateKey();
            if (rsa is not null) return rsa.ExportPkcs8PrivateKeyPem();
            using var ecdsa = certificate.GetECDsaPrivateKey();
            if (ecdsa is not null) return ecdsa.ExportPkcs8PrivateKeyPem();
        }
        catch (CryptographicException failure)
        {
            throw new NotSupportedException(
                "the private key of the client certificate cannot be exported: load it as exportable, or use SslCredentials with PEM text",
                failure);
        }

        throw new ArgumentException("the client certificate has no RSA or ECDSA private key");
    }

    private void Add(X509CertificateCollection certificates)
    {
        var certificate = certificates[0] as X509Certificate2
            ?? throw new ArgumentException("a client certificate is an X509Certificate2 with its private key");
        Tls().CertPem = ByteString.CopyFromUtf8(certificate.ExportCertificatePem());
        Tls().KeyPem = ByteString.CopyFromUtf8(KeyPem(certificate));
    }
#endif

    private const SslPolicyErrors EveryError = SslPolicyErrors.RemoteCertificateNotAvailable
        | SslPolicyErrors.RemoteCertificateNameMismatch
        | SslPolicyErrors.RemoteCertificateChainErrors;

    // Who accepts no certificate at all with every error there is accepts anything.
    private void Accept(Func<bool> validate)
    {
        bool acceptsEverything;
        try
        {
            acceptsEverything = validate();
        }
        catch (Exception)
        {
            acceptsEverything = false;
        }

        if (!acceptsEverything)
        {
            throw new NotSupportedException(
                "a function that validates server certificates cannot be called by EtcdKit's core: give the trusted roots as "
                + "SslCredentials(rootCertificates) or in CertificateChainPolicy.CustomTrustStore, and another name as TargetHost");
        }

        Tls().InsecureSkipVerify = true;
    }

    private TlsConfig Tls() => config.Tls ??= new TlsConfig();
}
