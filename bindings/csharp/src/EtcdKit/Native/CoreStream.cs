using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Bridge.V1;
using EtcdKit.Grpc;
using Google.Protobuf;

namespace EtcdKit.Native;

/// <summary>
/// A stream of the core, pulled: nothing is fetched before somebody reads, so a slow reader holds up the stream and
/// not the memory. One reader at a time.
/// </summary>
internal sealed class CoreStream<T>(CoreObject stream, Func<ByteString, T> decode) : IAsyncStreamReader<T>, IDisposable
    where T : class
{
    /// <summary>Most items fetched at once: enough that the cost of a fetch does not count, few enough to stay small.</summary>
    private const uint BatchMax = 256;

    private static readonly StreamNext Next = new() { Max = BatchMax };

    private readonly Queue<ByteString> _fetched = new();
    private T? _current;
    private bool _ended;

    public T Current => _current ?? throw new InvalidOperationException("no message was read");

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        while (_fetched.Count == 0)
        {
            if (_ended) return false;
            var batch = await stream
                .CallAsync(Methods.StreamNext, Next, StreamBatch.Parser, cancellationToken, CoreObject.NoTimeout)
                .ConfigureAwait(false);
            foreach (var item in batch.Items) _fetched.Enqueue(item);
            _ended = batch.End;
        }

        _current = decode(_fetched.Dequeue());
        return true;
    }

    /// <summary>Asks how far a watch has been served; the answer is an item.</summary>
    internal Task RequestProgressAsync(CancellationToken cancellationToken) =>
        stream.TellAsync(Methods.WatchProgress, null, cancellationToken);

    public void Dispose() => stream.Dispose();
}
