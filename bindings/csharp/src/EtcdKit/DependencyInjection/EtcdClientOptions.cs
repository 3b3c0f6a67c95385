using System;
using System.Linq;
using System.Net.Security;
using EtcdKit.Bridge.V1;
using EtcdKit.Grpc;
using EtcdKit.Grpc.Interceptors;
using EtcdKit.Native;
using Google.Protobuf;

namespace EtcdKit.DependencyInjection;

/// <summary>Everything a client can be made with.</summary>
public class EtcdClientOptions
{
    /// <summary>Endpoints with commas between them.</summary>
    public string ConnectionString { get; set; } = "";

    /// <summary>The port of endpoints without one. Default: 2379.</summary>
    public int Port { get; set; } = 2379;

    /// <summary>Has no effect.</summary>
    public string ServerName { get; set; } = "my-etcd-server";

    /// <summary>Sets how to connect.</summary>
    public Action<GrpcChannelOptions>? ConfigureChannel { get; set; }

    /// <summary>See every call, the first one first.</summary>
    public Interceptor[]? Interceptors { get; set; }

    /// <summary>Connect in plain text also if <see cref="ConfigureChannel"/> sets TLS credentials.</summary>
    public bool UseInsecureChannel { get; set; }

    /// <summary>Adds headers to each call.</summary>
    public CallCredentials? CallCredentials { get; set; }

#if NET8_0_OR_GREATER
    /// <summary>Sets trusted roots, the client's certificate, the server's name.</summary>
    public Action<SslClientAuthenticationOptions>? ConfigureSslOptions { get; set; }
#endif

    /// <summary>Has no effect: the core repeats a call only where that is safe, and then always.</summary>
    public bool EnableRetryPolicy { get; set; } = true;

    /// <summary>The user to log in as; none is no login.</summary>
    public string? Username { get; set; }

    /// <summary>The user's password.</summary>
    public string? Password { get; set; }

    /// <summary>Put before every key of the client and taken off again.</summary>
    public string? KeyPrefix { get; set; }

    /// <summary>Limit for a call that has no deadline of its own. Default: 5 seconds.</summary>
    public TimeSpan? RequestTimeout { get; set; }

    /// <summary>Limit for making one connection. Default: 2 seconds.</summary>
    public TimeSpan? ConnectTimeout { get; set; }

    internal (ClientConfig Config, GrpcChannelOptions Channel) ToConfig()
    {
        var channel = new GrpcChannelOptions();
        ConfigureChannel?.Invoke(channel);
        var credentials = UseInsecureChannel ? ChannelCredentials.Insecure : channel.Credentials;
        var config = new ClientConfig
        {
            User = Username ?? "",
            Password = Password ?? "",
            ConnectTimeoutMs = (long)(ConnectTimeout ?? TimeSpan.Zero).TotalMilliseconds,
            RequestTimeoutMs = (long)(RequestTimeout ?? TimeSpan.Zero).TotalMilliseconds,
            Namespace = ByteString.CopyFromUtf8(KeyPrefix ?? ""),
            MaxSendBytes = channel.MaxSendMessageSize ?? 0,
            MaxRecvBytes = channel.MaxReceiveMessageSize ?? 0,
        };
        var tls = new TlsSettings(config);
        tls.Add(credentials?.Tls);
        tls.Add(channel.HttpHandler);
#if NET8_0_OR_GREATER
        if (ConfigureSslOptions is not null)
        {
            var options = new SslClientAuthenticationOptions();
            ConfigureSslOptions(options);
            tls.Add(options);
            credentials ??= ChannelCredentials.SecureSsl;
        }
#endif
        var (uris, _) = new ConnectionStringParser().ParseConnectionString(ConnectionString, Port, credentials);
        if (uris.Any(uri => uri.Scheme == "http") && credentials?.Tls is not null)
        {
            throw new ArgumentException("TLS credentials need https:// endpoints; leave the scheme out or write https");
        }

        config.Endpoints.AddRange(uris.Select(uri => uri.GetLeftPart(UriPartial.Authority)));
        return (config, channel);
    }
}
