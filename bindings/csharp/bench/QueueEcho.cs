using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Native;

namespace EtcdKit.Bench;

/// <summary>
/// Echo by the other way the boundary has: results gathered in a queue that one thread reads in batches. Here to show
/// why the SDK does not use it.
/// </summary>
internal sealed unsafe class QueueEcho : IDisposable
{
    private const int BatchMax = 64;
    private const uint Echo = Methods.Echo;

    private readonly delegate* unmanaged[Cdecl]<ulong, ulong, uint, byte*, nuint, long, ulong, ulong> _start;
    private readonly delegate* unmanaged[Cdecl]<ulong, NativeResult*, int, long, int> _next;
    private readonly delegate* unmanaged[Cdecl]<ulong, void> _close;
    private readonly ConcurrentDictionary<ulong, TaskCompletionSource> _waiting = new();
    private readonly Thread _reader;
    private readonly ulong _queue;
    private long _lastTag;

    internal QueueEcho()
    {
        var library = Api.Instance.Library;
        var open = (delegate* unmanaged[Cdecl]<ulong>)LibraryFile.Export(library, "etcdkit_queue_open");
        _start = (delegate* unmanaged[Cdecl]<ulong, ulong, uint, byte*, nuint, long, ulong, ulong>)LibraryFile.Export(library, "etcdkit_queue_start");
        _next = (delegate* unmanaged[Cdecl]<ulong, NativeResult*, int, long, int>)LibraryFile.Export(library, "etcdkit_queue_next");
        _close = (delegate* unmanaged[Cdecl]<ulong, void>)LibraryFile.Export(library, "etcdkit_queue_close");
        _queue = open();
        _reader = new Thread(Read) { IsBackground = true };
        _reader.Start();
    }

    public void Dispose()
    {
        _close(_queue);
        _reader.Join();
    }

    internal Task CallAsync(byte[] request)
    {
        var source = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var tag = (ulong)Interlocked.Increment(ref _lastTag);
        _waiting[tag] = source;
        fixed (byte* data = request) _start(_queue, 0, Echo, data, (nuint)request.Length, -1, tag);
        return source.Task;
    }

    private void Read()
    {
        var results = stackalloc NativeResult[BatchMax];
        int count;
        while ((count = _next(_queue, results, BatchMax, -1)) >= 0)
        {
            for (var index = 0; index < count; index++)
            {
                if (!_waiting.TryRemove(results[index].Tag, out var source)) continue;
                _ = new ReadOnlySpan<byte>(results[index].Data, (int)results[index].Length).ToArray();
                source.SetResult();
            }
        }
    }
}
