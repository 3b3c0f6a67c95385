using System;
using System.Buffers;
using EtcdKit.Grpc;
using Google.Protobuf;

namespace EtcdKit.Native;

/// <summary>
/// Where a thread encodes its requests. The core copies a request when a call starts, so one buffer a thread is enough
/// and a call allocates none.
/// </summary>
internal sealed class RequestBuffer : SerializationContext, IBufferWriter<byte>
{
    /// <summary>A buffer that a large request made larger than this is not kept: most requests are far smaller.</summary>
    private const int KeptBytesMax = 64 * 1024;

    private const int FirstBytes = 512;

    [ThreadStatic]
    private static RequestBuffer? _ofThread;

    private byte[] _data = new byte[FirstBytes];
    private int _length;
    private byte[]? _whole;

    /// <summary>The encoded message, valid until the thread encodes another.</summary>
    internal ReadOnlySpan<byte> Encoded => _whole ?? _data.AsSpan(0, _length);

    /// <summary>Encodes a message into the thread's buffer.</summary>
    internal static RequestBuffer Of<T>(T message, Marshaller<T> marshaller)
    {
        var buffer = Cleared();
        marshaller.ContextualSerializer(message, buffer);
        return buffer;
    }

    /// <summary>Encodes a message into the thread's buffer.</summary>
    internal static RequestBuffer Of(IMessage message)
    {
        var buffer = Cleared();
        buffer.SetPayloadLength(message.CalculateSize());
        message.WriteTo(buffer);
        return buffer;
    }

    /// <summary>Encodes a message into an array.</summary>
    internal static byte[] ToArray<T>(T message, Action<T, SerializationContext> serializer)
    {
        // Not the thread's buffer: a marshaller may use another one while it encodes.
        var buffer = new RequestBuffer();
        serializer(message, buffer);
        return buffer.Encoded.ToArray();
    }

    public override void SetPayloadLength(int payloadLength) => Reserve(payloadLength);

    public override IBufferWriter<byte> GetBufferWriter() => this;

    public override void Complete(byte[] payload) => _whole = payload;

    public override void Complete()
    {
    }

    public void Advance(int count) => _length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _data.AsMemory(_length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _data.AsSpan(_length);
    }

    private static RequestBuffer Cleared()
    {
        var buffer = _ofThread;
        if (buffer is null || buffer._data.Length > KeptBytesMax) _ofThread = buffer = new RequestBuffer();
        buffer._length = 0;
        buffer._whole = null;
        return buffer;
    }

    private void Reserve(int bytes)
    {
        var needed = checked(_length + bytes);
        if (needed > _data.Length) Array.Resize(ref _data, Math.Max(needed, checked(_data.Length * 2)));
    }
}
