using System;
using EtcdKit.Grpc;

namespace EtcdKit.interfaces;

/// <summary>A call that streams both ways, for programs that put their own in its place.</summary>
/// <typeparam name="TRequest">The request.</typeparam>
/// <typeparam name="TResponse">The response.</typeparam>
public interface IAsyncDuplexStreamingCall<TRequest, TResponse> : IDisposable
{
    /// <summary>The requests.</summary>
    IClientStreamWriter<TRequest> RequestStream { get; }

    /// <summary>The responses.</summary>
    IAsyncStreamReader<TResponse> ResponseStream { get; }
}
