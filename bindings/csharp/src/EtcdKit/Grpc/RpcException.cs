using System;

namespace EtcdKit.Grpc;

/// <summary>A call failed. What happened is in <see cref="StatusCode"/> and <see cref="Status"/>.</summary>
public class RpcException : Exception
{
    /// <summary>Makes an exception.</summary>
    /// <param name="status">How the call ended.</param>
    public RpcException(Status status)
        : this(status, Metadata.Empty)
    {
    }

    /// <summary>Makes an exception with a message of its own.</summary>
    /// <param name="status">How the call ended.</param>
    /// <param name="message">The message of the exception.</param>
    public RpcException(Status status, string message)
        : this(status, Metadata.Empty, message)
    {
    }

    /// <summary>Makes an exception with the trailers of the response.</summary>
    /// <param name="status">How the call ended.</param>
    /// <param name="trailers">The trailers.</param>
    public RpcException(Status status, Metadata trailers)
        : this(status, trailers, status.ToString())
    {
    }

    /// <summary>Makes an exception with the trailers of the response and a message of its own.</summary>
    /// <param name="status">How the call ended.</param>
    /// <param name="trailers">The trailers.</param>
    /// <param name="message">The message of the exception.</param>
    public RpcException(Status status, Metadata trailers, string message)
        : base(message, status.DebugException)
    {
        Status = status;
        Trailers = trailers ?? throw new ArgumentNullException(nameof(trailers));
    }

    /// <summary>How the call ended.</summary>
    public Status Status { get; }

    /// <summary>The code of <see cref="Status"/>.</summary>
    public StatusCode StatusCode => Status.StatusCode;

    /// <summary>The trailers of the response; empty for calls that the core made.</summary>
    public Metadata Trailers { get; }

    /// <summary>
    /// Whether a write may have been executed all the same: it was sent and no answer came. Such a write is never
    /// repeated by the client; read the key to learn what happened.
    /// </summary>
    public bool OutcomeUnknown { get; internal set; }

    /// <summary>What kind of failure this is, finer than the gRPC code.</summary>
    public ErrorKind Kind
    {
        get => field == 0 ? (ErrorKind)(int)StatusCode : field;
        internal set;
    }
}
