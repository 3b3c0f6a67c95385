namespace EtcdKit;

/// <summary>The class of a failure. The numbers up to 16 are gRPC's codes; the others are the core's own.</summary>
public enum ErrorKind
{
    /// <summary>The call was cancelled.</summary>
    Cancelled = 1,

    /// <summary>The server failed without saying how.</summary>
    Unknown = 2,

    /// <summary>The request makes no sense whatever the state of the server.</summary>
    InvalidArgument = 3,

    /// <summary>The time limit of the call passed.</summary>
    DeadlineExceeded = 4,

    /// <summary>What the request names does not exist.</summary>
    NotFound = 5,

    /// <summary>What the request would create exists.</summary>
    AlreadyExists = 6,

    /// <summary>The user may not do this.</summary>
    PermissionDenied = 7,

    /// <summary>A quota or a limit was reached.</summary>
    ResourceExhausted = 8,

    /// <summary>The server is not in the state that the request needs.</summary>
    FailedPrecondition = 9,

    /// <summary>The operation was aborted by a concurrent one.</summary>
    Aborted = 10,

    /// <summary>The request is outside of the valid range, for example a compacted revision.</summary>
    OutOfRange = 11,

    /// <summary>The server does not know the operation.</summary>
    Unimplemented = 12,

    /// <summary>A fault inside the server or the client.</summary>
    Internal = 13,

    /// <summary>No server could be reached, or it cannot serve now.</summary>
    Unavailable = 14,

    /// <summary>Data was lost or is corrupt.</summary>
    DataLoss = 15,

    /// <summary>The call carries no valid proof of who the user is.</summary>
    Unauthenticated = 16,

    /// <summary>A lease could not be kept alive.</summary>
    LeaseLost = 100,

    /// <summary>The lock is held by somebody else.</summary>
    Locked = 101,

    /// <summary>The session's lease ended.</summary>
    SessionExpired = 102,

    /// <summary>The object was closed by its user.</summary>
    Closed = 103,

    /// <summary>The object was made in the parent process, before a fork.</summary>
    Forked = 104,
}
