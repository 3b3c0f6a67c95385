using System;
using System.Threading;

namespace EtcdKit.Grpc;

/// <summary>What a call is made with besides its request.</summary>
public readonly struct CallOptions
{
    /// <summary>Makes the options of a call.</summary>
    /// <param name="headers">Headers, or none.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    /// <param name="writeOptions">Has no effect; it is here so that programs compile.</param>
    /// <param name="credentials">Adds headers to the call.</param>
    public CallOptions(
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default,
        WriteOptions? writeOptions = null,
        CallCredentials? credentials = null)
    {
        Headers = headers;
        Deadline = deadline;
        CancellationToken = cancellationToken;
        WriteOptions = writeOptions;
        Credentials = credentials;
        IsWaitForReady = false;
    }

    private CallOptions(CallOptions from, bool waitForReady)
    {
        this = from;
        IsWaitForReady = waitForReady;
    }

    /// <summary>Headers, or none.</summary>
    public Metadata? Headers { get; private init; }

    /// <summary>When the call is given up, in UTC; null is the client's default.</summary>
    public DateTime? Deadline { get; private init; }

    /// <summary>Cancels the call, down to the server.</summary>
    public CancellationToken CancellationToken { get; private init; }

    /// <summary>Has no effect.</summary>
    public WriteOptions? WriteOptions { get; private init; }

    /// <summary>Adds headers to the call.</summary>
    public CallCredentials? Credentials { get; private init; }

    /// <summary>Whether the call waits for a server to come up. The core always does, until the deadline.</summary>
    public bool IsWaitForReady { get; }

    /// <summary>These options with other headers.</summary>
    /// <param name="headers">The headers.</param>
    public CallOptions WithHeaders(Metadata headers) => this with { Headers = headers };

    /// <summary>These options with another deadline.</summary>
    /// <param name="deadline">The deadline, in UTC.</param>
    public CallOptions WithDeadline(DateTime deadline) => this with { Deadline = deadline };

    /// <summary>These options with another token.</summary>
    /// <param name="cancellationToken">The token.</param>
    public CallOptions WithCancellationToken(CancellationToken cancellationToken) =>
        this with { CancellationToken = cancellationToken };

    /// <summary>These options with other write options.</summary>
    /// <param name="writeOptions">The write options.</param>
    public CallOptions WithWriteOptions(WriteOptions writeOptions) => this with { WriteOptions = writeOptions };

    /// <summary>These options with other credentials.</summary>
    /// <param name="credentials">The credentials.</param>
    public CallOptions WithCredentials(CallCredentials credentials) => this with { Credentials = credentials };

    /// <summary>These options, waiting for a server or not.</summary>
    /// <param name="waitForReady">Whether to wait.</param>
    public CallOptions WithWaitForReady(bool waitForReady = true) => new(this, waitForReady);
}

/// <summary>How messages are written; it has no effect on the core's calls.</summary>
public class WriteOptions
{
    /// <summary>No flags.</summary>
    public static readonly WriteOptions Default = new();

    /// <summary>Makes write options.</summary>
    /// <param name="flags">The flags.</param>
    public WriteOptions(WriteFlags flags = default) => Flags = flags;

    /// <summary>The flags.</summary>
    public WriteFlags Flags { get; }
}

/// <summary>Flags of <see cref="WriteOptions"/>.</summary>
[Flags]
public enum WriteFlags
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The message may be buffered.</summary>
    BufferHint = 1,

    /// <summary>The message is not compressed.</summary>
    NoCompress = 2,
}
