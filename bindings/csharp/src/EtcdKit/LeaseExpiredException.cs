using System;

namespace EtcdKit;

/// <summary>A lease that was being kept alive is gone: it expired or was revoked.</summary>
public class LeaseExpiredException : Exception
{
    /// <summary>Makes an exception.</summary>
    public LeaseExpiredException()
    {
    }

    /// <summary>Makes an exception.</summary>
    /// <param name="message">Which lease.</param>
    public LeaseExpiredException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an exception with a cause.</summary>
    /// <param name="message">Which lease.</param>
    /// <param name="inner">The cause.</param>
    public LeaseExpiredException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
