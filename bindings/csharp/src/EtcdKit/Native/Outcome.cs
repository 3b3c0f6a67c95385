using System;
using System.Buffers;
using System.Text;
using System.Threading;
using EtcdKit.Grpc;
using Google.Protobuf;

namespace EtcdKit.Native;

/// <summary>How a call of the core ended, copied out of the core's memory. The buffer is borrowed: read once, give back.</summary>
internal readonly struct Outcome
{
    private const uint OutcomeUnknownFlag = 1;

    private readonly byte[]? _data;
    private readonly int _length;
    private readonly int _kind;
    private readonly int _code;
    private readonly uint _flags;
    private readonly string? _message;

    private Outcome(ulong handle, int kind, int code, uint flags, byte[]? data, int length, string? message)
    {
        Handle = handle;
        _kind = kind;
        _code = code;
        _flags = flags;
        _data = data;
        _length = length;
        _message = message;
    }

    /// <summary>The object that the call made, or 0.</summary>
    internal ulong Handle { get; }

    /// <summary>Whether the call succeeded.</summary>
    internal bool Ok => _kind == 0;

    /// <summary>What kind of failure it is.</summary>
    internal ErrorKind Kind => (ErrorKind)_kind;

    internal static Outcome Failed(int kind, string message) => new(0, kind, Math.Min(kind, 16), 0, null, 0, message);

    internal static unsafe Outcome CopyOf(NativeResult* result)
    {
        if (result->Kind != 0)
        {
            var length = checked((int)result->MessageLength);
            var message = length == 0 ? "" : Encoding.UTF8.GetString(result->Message, length);
            return new Outcome(0, result->Kind, result->Code, result->Flags, null, 0, message);
        }

        var size = checked((int)result->Length);
        if (size == 0) return new Outcome(result->Handle, 0, 0, 0, null, 0, null);
        var data = ArrayPool<byte>.Shared.Rent(size);
        new ReadOnlySpan<byte>(result->Data, size).CopyTo(data);
        return new Outcome(result->Handle, 0, 0, 0, data, size, null);
    }

    /// <summary>Decodes the response and gives the buffer back.</summary>
    internal T Read<T>(Marshaller<T> marshaller)
    {
        if (_data is null) return marshaller.ContextualDeserializer(new ReceivedMessage([], 0));
        try
        {
            return marshaller.ContextualDeserializer(new ReceivedMessage(_data, _length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(_data);
        }
    }

    /// <summary>Decodes the response and gives the buffer back.</summary>
    internal T Read<T>(MessageParser<T> parser)
        where T : IMessage<T>
    {
        if (_data is null) return parser.ParseFrom([]);
        try
        {
            return parser.ParseFrom(_data, 0, _length);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(_data);
        }
    }

    /// <summary>Gives the buffer back unread.</summary>
    internal void Discard()
    {
        if (_data is not null) ArrayPool<byte>.Shared.Return(_data);
    }

    /// <summary>The exception for a failure, as gRPC programs expect it.</summary>
    internal RpcException ToRpcException()
    {
        var code = _code is >= 0 and <= 16 ? (StatusCode)_code : StatusCode.Unknown;
        return new RpcException(new Status(code, _message ?? ""))
        {
            Kind = Kind,
            OutcomeUnknown = (_flags & OutcomeUnknownFlag) != 0,
        };
    }

    /// <summary>The exception for a failure of a call that somebody could cancel.</summary>
    /// <param name="cancellationToken">The token of the call.</param>
    /// <param name="hasDeadline">Whether the caller had set a deadline.</param>
    /// <param name="asOperationCanceled">Whether cancellation is told as <see cref="OperationCanceledException"/>.</param>
    internal Exception ToException(CancellationToken cancellationToken, bool hasDeadline, bool asOperationCanceled)
    {
        var failure = ToRpcException();
        if (!asOperationCanceled) return failure;
        if (Kind == ErrorKind.Cancelled && cancellationToken.IsCancellationRequested)
        {
            return new OperationCanceledException(_message, failure, cancellationToken);
        }

        var overdue = Kind == ErrorKind.DeadlineExceeded && hasDeadline;
        return overdue ? new OperationCanceledException(_message, failure) : failure;
    }
}

/// <summary>A message in an array.</summary>
internal sealed class ReceivedMessage(byte[] data, int length) : DeserializationContext
{
    public override int PayloadLength => length;

    public override byte[] PayloadAsNewBuffer() => data.AsSpan(0, length).ToArray();

    public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => new(data, 0, length);
}
