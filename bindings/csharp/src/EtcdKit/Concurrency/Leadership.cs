using System;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Bridge.V1;
using EtcdKit.Native;
using V3Electionpb;

namespace EtcdKit.Concurrency;

/// <summary>A session leads an election, until it resigns or ends.</summary>
public sealed class Leadership : IAsyncDisposable, IDisposable
{
    private readonly CoreObject _object;
    private int _resigned;

    internal Leadership(CoreObject made, Bridge.V1.Leadership won)
    {
        _object = made;
        Key = won.Key.ToStringUtf8();
        Revision = won.Revision;
        Lease = won.Lease;
    }

    /// <summary>The leader's key.</summary>
    public string Key { get; }

    /// <summary>Create revision of the key; grows from leader to leader.</summary>
    public long Revision { get; }

    /// <summary>The session's lease.</summary>
    public long Lease { get; }

    /// <summary>Changes what the leader shows.</summary>
    /// <param name="value">The new value.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public Task ProclaimAsync(string value, CancellationToken cancellationToken = default) => _object.CallAsync(
        Methods.ElectionProclaim,
        new Proclaim { Value = Requests.Bytes(value, nameof(value)) },
        Header.Parser,
        cancellationToken);

    /// <summary>Gives leadership up. Doing so twice does no harm.</summary>
    public async Task ResignAsync()
    {
        if (Interlocked.Exchange(ref _resigned, 1) != 0) return;
        try
        {
            await _object.CallAsync(Methods.ElectionResign, new Empty(), Header.Parser, default).ConfigureAwait(false);
        }
        finally
        {
            _object.Dispose();
        }
    }

    /// <summary>Gives leadership up.</summary>
    public void Dispose() => ResignAsync().GetAwaiter().GetResult();

    /// <summary>Gives leadership up.</summary>
    public ValueTask DisposeAsync() => new(ResignAsync());
}
