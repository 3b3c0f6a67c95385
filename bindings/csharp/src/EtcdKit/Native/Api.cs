using System;
using System.Runtime.InteropServices;
#if NET8_0_OR_GREATER
using System.Runtime.CompilerServices;
#endif

namespace EtcdKit.Native;

/// <summary>
/// The functions of the native core (<c>etcdkit.h</c>), resolved by name from a library that is found by path. Function
/// pointers, and not <c>DllImport</c>, because they work the same way in .NET, .NET Framework and Mono, wherever
/// the library lies.
/// </summary>
internal sealed unsafe class Api
{
    /// <summary>The version of the boundary this assembly is made for.</summary>
    internal const uint AbiVersion = 1;

    private static readonly object Gate = new();
    private static Api? _loaded;

    private readonly delegate* unmanaged[Cdecl]<byte*> _version;
    private readonly delegate* unmanaged[Cdecl]<ulong, void> _cancel;
    private readonly delegate* unmanaged[Cdecl]<ulong, void> _close;
#if NET8_0_OR_GREATER
    private readonly delegate* unmanaged[Cdecl]<ulong, uint, byte*, nuint, long, IntPtr, ulong, ulong> _start;
    private readonly IntPtr _completion;
#else
    private readonly ResultQueue _results;
#endif

    private Api(IntPtr library)
    {
        var abiVersion = (delegate* unmanaged[Cdecl]<uint>)LibraryFile.Export(library, "etcdkit_abi_version");
        if (abiVersion() != AbiVersion)
        {
            throw new DllNotFoundException(
                $"the native library of EtcdKit speaks version {abiVersion()} of the boundary and this assembly version "
                + $"{AbiVersion}: use the library that came with this version of the package");
        }

        _version = (delegate* unmanaged[Cdecl]<byte*>)LibraryFile.Export(library, "etcdkit_version");
        _cancel = (delegate* unmanaged[Cdecl]<ulong, void>)LibraryFile.Export(library, "etcdkit_cancel");
        _close = (delegate* unmanaged[Cdecl]<ulong, void>)LibraryFile.Export(library, "etcdkit_close");
        Library = library;
#if NET8_0_OR_GREATER
        _start = (delegate* unmanaged[Cdecl]<ulong, uint, byte*, nuint, long, IntPtr, ulong, ulong>)LibraryFile.Export(library, "etcdkit_start");
        _completion = (IntPtr)(delegate* unmanaged[Cdecl]<NativeResult*, void>)&OnCompletion;
#else
        _results = new ResultQueue(library);
#endif
    }

    /// <summary>The loaded core.</summary>
    /// <exception cref="DllNotFoundException">It cannot be found; the message says where it was looked for.</exception>
    internal static Api Instance => _loaded ?? Load();

    /// <summary>The loaded library, for tests and figures of functions that the SDK has no use for.</summary>
    internal IntPtr Library { get; }

    /// <summary>Version of the core.</summary>
    internal string Version
    {
        get
        {
            var text = _version();
            var length = 0;
            while (text[length] != 0) length++;
            return System.Text.Encoding.UTF8.GetString(text, length);
        }
    }

    /// <summary>Starts a call; <paramref name="completion"/> is completed exactly once. Returns the id to cancel it by.</summary>
    internal ulong Start(ulong target, uint method, ReadOnlySpan<byte> request, long timeoutMs, Completion completion)
    {
        var tag = (ulong)(long)GCHandle.ToIntPtr(GCHandle.Alloc(completion));
        fixed (byte* data = request)
        {
#if NET8_0_OR_GREATER
            return _start(target, method, data, (nuint)request.Length, timeoutMs, _completion, tag);
#else
            return _results.Start(target, method, data, (nuint)request.Length, timeoutMs, tag);
#endif
        }
    }

    /// <summary>Cancels a call; unknown ids, such as those of ended calls, are ignored.</summary>
    internal void Cancel(ulong call) => _cancel(call);

    /// <summary>Ends the calls of a handle and frees it; unknown handles are ignored.</summary>
    internal void Close(ulong handle) => _close(handle);

    private static Api Load()
    {
        lock (Gate) return _loaded ??= new Api(LibraryFile.Load());
    }

#if NET8_0_OR_GREATER
    // Runs on a thread of the core, which must neither wait nor see an exception.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnCompletion(NativeResult* result) => Deliver(result);
#endif

    /// <summary>Hands a result to whoever waits for it.</summary>
    internal static void Deliver(NativeResult* result)
    {
        Outcome outcome;
        try
        {
            outcome = Outcome.CopyOf(result);
        }
        catch (OutOfMemoryException)
        {
            outcome = Outcome.Failed((int)ErrorKind.ResourceExhausted, "there is no memory for the response");
        }

        Complete(result->Tag, outcome);
    }

    /// <summary>Completes the call with this tag, which means nothing more after that.</summary>
    internal static void Complete(ulong tag, in Outcome outcome)
    {
        var handle = GCHandle.FromIntPtr((IntPtr)(long)tag);
        var completion = (Completion)handle.Target!;
        handle.Free();
        completion.Complete(outcome);
    }
}

/// <summary>The result of a call as the core hands it over: <c>etcdkit_result</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeResult
{
    internal ulong Tag;
    internal ulong Handle;
    internal int Kind;
    internal int Code;
    internal uint Flags;
    internal byte* Data;
    internal nuint Length;
    internal byte* Message;
    internal nuint MessageLength;
}
