#if !NET8_0_OR_GREATER
using System;
using System.Threading;

namespace EtcdKit.Native;

/// <summary>
/// Takes the results of calls to a thread of this process. .NET lets the core's own threads come and go; Mono takes
/// every thread that ever called into it for one of its own, and waits for it at the end of the process, which the
/// core's threads outlive. And .NET Framework may unload the code that a callback would call.
/// </summary>
internal sealed unsafe class ResultQueue
{
    /// <summary>Results read at once: enough to make the reader's way into the core cheap for each.</summary>
    private const int BatchMax = 64;

    private const long WaitForEver = -1;

    private readonly delegate* unmanaged[Cdecl]<ulong, ulong, uint, byte*, nuint, long, ulong, ulong> _start;
    private readonly delegate* unmanaged[Cdecl]<ulong, NativeResult*, int, long, int> _next;
    private readonly delegate* unmanaged[Cdecl]<ulong, void> _close;
    private readonly ulong _queue;

    internal ResultQueue(IntPtr library)
    {
        var open = (delegate* unmanaged[Cdecl]<ulong>)LibraryFile.Export(library, "etcdkit_queue_open");
        _start = (delegate* unmanaged[Cdecl]<ulong, ulong, uint, byte*, nuint, long, ulong, ulong>)LibraryFile.Export(library, "etcdkit_queue_start");
        _next = (delegate* unmanaged[Cdecl]<ulong, NativeResult*, int, long, int>)LibraryFile.Export(library, "etcdkit_queue_next");
        _close = (delegate* unmanaged[Cdecl]<ulong, void>)LibraryFile.Export(library, "etcdkit_queue_close");
        _queue = open();
        // Mono waits for the reader too, which waits in the core for as long as the queue is open.
        AppDomain.CurrentDomain.ProcessExit += (_, _) => _close(_queue);
        AppDomain.CurrentDomain.DomainUnload += (_, _) => _close(_queue);
        new Thread(Read) { IsBackground = true, Name = "etcdkit" }.Start();
    }

    /// <summary>Starts a call; its result is delivered once. Returns the id to cancel it by.</summary>
    internal ulong Start(ulong target, uint method, byte* request, nuint length, long timeoutMs, ulong tag)
    {
        var call = _start(_queue, target, method, request, length, timeoutMs, tag);
        if (call == 0) Api.Complete(tag, Outcome.Failed((int)ErrorKind.Cancelled, "the process ends, or nobody reads results"));
        return call;
    }

    private void Read()
    {
        var results = stackalloc NativeResult[BatchMax];
        int count;
        while ((count = _next(_queue, results, BatchMax, WaitForEver)) >= 0)
        {
            for (var index = 0; index < count; index++) Api.Deliver(&results[index]);
        }
    }
}
#endif
