using System;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Bridge.V1;
using Google.Protobuf;

namespace EtcdKit.Native;

/// <summary>
/// An object of the core: a client, a stream, a session. Closing it ends its calls; the core ignores handles it does
/// not know, so a call that races with closing fails and does no harm.
/// </summary>
internal sealed class CoreObject : SafeHandle
{
    /// <summary>No limit, for calls that wait for something to happen.</summary>
    internal const long NoTimeout = -1;

    /// <summary>The client's default.</summary>
    internal const long DefaultTimeout = 0;

    private const ulong NoTarget = 0;

    /// <summary>The target of calls that need none.</summary>
    internal static readonly CoreObject None = new(NoTarget, "core");

    // The core's handles have 64 bits, also where a pointer has 32.
    private readonly ulong _value;
    private readonly string _name;

    internal CoreObject(ulong value, string name)
        : base(IntPtr.Zero, ownsHandle: true)
    {
        _value = value;
        _name = name;
        SetHandle(value == 0 ? IntPtr.Zero : new IntPtr(1));
    }

    public override bool IsInvalid => handle == IntPtr.Zero;

    /// <summary>The handle.</summary>
    /// <exception cref="ObjectDisposedException">The object was closed.</exception>
    internal ulong Value => IsClosed ? throw Closed() : _value;

    /// <summary>Makes an object by a call without a target.</summary>
    internal static CoreObject Open(uint method, IMessage request, string name)
    {
        var outcome = None.Call(method, RequestBuffer.Of(request).Encoded, NoTimeout, default);
        if (!outcome.Ok) throw outcome.ToRpcException();
        outcome.Discard();
        return new CoreObject(outcome.Handle, name);
    }

    /// <summary>Makes a call and waits.</summary>
    internal Outcome Call(uint method, ReadOnlySpan<byte> request, long timeoutMs, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var completion = new ThreadCompletion();
        var call = Api.Instance.Start(Value, method, request, timeoutMs, completion);
        using var registration = CancelWith(cancellationToken, call);
        var outcome = completion.Wait();
        GC.KeepAlive(this);
        return outcome;
    }

    /// <summary>Makes a call. The request is encoded before this returns.</summary>
    internal Task<Outcome> CallAsync(
        uint method, ReadOnlySpan<byte> request, long timeoutMs, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var completion = new TaskCompletion();
        var call = Api.Instance.Start(Value, method, request, timeoutMs, completion);
        return WaitAsync(completion, call, cancellationToken);
    }

    /// <summary>Makes a call of the boundary's own messages.</summary>
    internal async Task<T> CallAsync<T>(
        uint method, IMessage request, MessageParser<T> parser, CancellationToken cancellationToken, long timeoutMs = DefaultTimeout)
        where T : IMessage<T>
    {
        var outcome = await CallAsync(method, RequestBuffer.Of(request).Encoded, timeoutMs, cancellationToken)
            .ConfigureAwait(false);
        if (!outcome.Ok) throw outcome.ToException(cancellationToken, hasDeadline: false, asOperationCanceled: true);
        return outcome.Read(parser);
    }

    /// <summary>Makes a call of the boundary's own messages and waits.</summary>
    internal T Call<T>(uint method, IMessage request, MessageParser<T> parser, CancellationToken cancellationToken = default)
        where T : IMessage<T>
    {
        var outcome = Call(method, RequestBuffer.Of(request).Encoded, DefaultTimeout, cancellationToken);
        if (!outcome.Ok) throw outcome.ToException(cancellationToken, hasDeadline: false, asOperationCanceled: true);
        return outcome.Read(parser);
    }

    /// <summary>Makes a call that makes an object, which is closed if nobody can use it any more.</summary>
    internal async Task<(CoreObject Made, T Response)> OpenAsync<T>(
        uint method, IMessage request, MessageParser<T> parser, string name, long timeoutMs, CancellationToken cancellationToken)
        where T : IMessage<T>
    {
        var outcome = await CallAsync(method, RequestBuffer.Of(request).Encoded, timeoutMs, cancellationToken)
            .ConfigureAwait(false);
        if (!outcome.Ok) throw outcome.ToException(cancellationToken, hasDeadline: false, asOperationCanceled: true);
        var made = new CoreObject(outcome.Handle, name);
        return (made, outcome.Read(parser));
    }

    /// <summary>Makes a call without an answer worth reading.</summary>
    internal async Task TellAsync(uint method, IMessage? request, CancellationToken cancellationToken)
    {
        await CallAsync(method, request ?? new Empty(), Empty.Parser, cancellationToken).ConfigureAwait(false);
    }

    protected override bool ReleaseHandle()
    {
        Api.Instance.Close(_value);
        return true;
    }

    private ObjectDisposedException Closed() => new(_name, $"the {_name} is closed: it was disposed; make a new one");

    private static CancellationTokenRegistration CancelWith(CancellationToken cancellationToken, ulong call) =>
        cancellationToken.CanBeCanceled
            ? cancellationToken.Register(static id => Api.Instance.Cancel((ulong)id!), call)
            : default;

    private async Task<Outcome> WaitAsync(TaskCompletion completion, ulong call, CancellationToken cancellationToken)
    {
        using var registration = CancelWith(cancellationToken, call);
        var outcome = await completion.Task.ConfigureAwait(false);
        GC.KeepAlive(this);
        return outcome;
    }
}
