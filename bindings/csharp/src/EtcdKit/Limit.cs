using System;
using System.Threading;

namespace EtcdKit;

/// <summary>When something ends: a token of the caller, and a deadline if there is one.</summary>
internal sealed class Limit : IDisposable
{
    private readonly CancellationTokenSource? _source;

    private Limit(CancellationTokenSource? source, CancellationToken token)
    {
        _source = source;
        Token = token;
    }

    internal CancellationToken Token { get; }

    public void Dispose() => _source?.Dispose();

    internal static Limit Of(DateTime? deadline, CancellationToken cancellationToken)
    {
        if (Milliseconds(deadline) is not { } left) return new Limit(null, cancellationToken);
        var source = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        source.CancelAfter(TimeSpan.FromMilliseconds(Math.Min(left, int.MaxValue)));
        return new Limit(source, source.Token);
    }

    /// <summary>What is left until a deadline: none without one, 0 when it has passed.</summary>
    internal static long? Milliseconds(DateTime? deadline)
    {
        if (deadline is not { } moment || moment == DateTime.MaxValue) return null;
        var left = moment.ToUniversalTime() - DateTime.UtcNow;
        return left <= TimeSpan.Zero ? 0 : (long)Math.Ceiling(left.TotalMilliseconds);
    }
}
