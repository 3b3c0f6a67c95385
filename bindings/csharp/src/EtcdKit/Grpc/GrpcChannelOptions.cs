using System.Net.Http;

namespace EtcdKit.Grpc;

/// <summary>
/// What the <c>configureChannelOptions</c> function of a client may set. What a program set for reconnects, pings or
/// load balancing is not here: the core does that by itself.
/// </summary>
public class GrpcChannelOptions
{
    /// <summary>How to connect. Default: by the scheme of the endpoints.</summary>
    public ChannelCredentials? Credentials { get; set; }

    /// <summary>Largest request in bytes. Default: no limit but the server's.</summary>
    public int? MaxSendMessageSize { get; set; }

    /// <summary>Largest response in bytes. Default: no limit.</summary>
    public int? MaxReceiveMessageSize { get; set; }

    /// <summary>
    /// Whether a call ends with <see cref="System.OperationCanceledException"/>, and not with
    /// <see cref="RpcException"/>, when its token is cancelled or its deadline passes. Default: true.
    /// </summary>
    public bool ThrowOperationCanceledOnCancellation { get; set; } = true;

    /// <summary>
    /// The TLS settings, the time limit for connecting and the pings of a <c>SocketsHttpHandler</c> are taken over (on
    /// .NET 8 and later); it sends nothing.
    /// </summary>
    public HttpMessageHandler? HttpHandler { get; set; }

    /// <summary>Whether an <see cref="HttpHandler"/> is disposed with the client. Default: false.</summary>
    public bool DisposeHttpClient { get; set; }
}
