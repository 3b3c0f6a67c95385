using System;

namespace EtcdKit.Grpc;

/// <summary>How a call ended: a code and, for a failure, the words of the server or of the client.</summary>
public readonly struct Status : IEquatable<Status>
{
    /// <summary>Success.</summary>
    public static readonly Status DefaultSuccess = new(StatusCode.OK, "");

    /// <summary>Cancelled, without details.</summary>
    public static readonly Status DefaultCancelled = new(StatusCode.Cancelled, "");

    /// <summary>Makes a status.</summary>
    /// <param name="statusCode">The code.</param>
    /// <param name="detail">The message.</param>
    public Status(StatusCode statusCode, string detail)
        : this(statusCode, detail, null)
    {
    }

    /// <summary>Makes a status that was caused by an exception.</summary>
    /// <param name="statusCode">The code.</param>
    /// <param name="detail">The message.</param>
    /// <param name="debugException">The cause, if one is known.</param>
    public Status(StatusCode statusCode, string detail, Exception? debugException)
    {
        StatusCode = statusCode;
        Detail = detail;
        DebugException = debugException;
    }

    /// <summary>The code.</summary>
    public StatusCode StatusCode { get; }

    /// <summary>The message, exactly as the server or the core worded it.</summary>
    public string Detail { get; }

    /// <summary>The exception that caused the failure, if one is known.</summary>
    public Exception? DebugException { get; }

    /// <summary>Whether two statuses have the same code and message.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator ==(Status left, Status right) => left.Equals(right);

    /// <summary>Whether two statuses differ in code or message.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator !=(Status left, Status right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(Status other) => StatusCode == other.StatusCode && Detail == other.Detail;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Status other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => ((int)StatusCode * 397) ^ (Detail?.GetHashCode() ?? 0);

    /// <inheritdoc/>
    public override string ToString() => $"Status(StatusCode=\"{StatusCode}\", Detail=\"{Detail}\")";
}
