using System;
using System.Buffers;

namespace EtcdKit.Grpc;

/// <summary>Which side of a call streams.</summary>
public enum MethodType
{
    /// <summary>One request, one response.</summary>
    Unary,

    /// <summary>Many requests, one response.</summary>
    ClientStreaming,

    /// <summary>One request, many responses.</summary>
    ServerStreaming,

    /// <summary>Many requests, many responses.</summary>
    DuplexStreaming,
}

/// <summary>A method of a service, without its message types.</summary>
public interface IMethod
{
    /// <summary>Which side streams.</summary>
    MethodType Type { get; }

    /// <summary>The service, with its package.</summary>
    string ServiceName { get; }

    /// <summary>The name.</summary>
    string Name { get; }

    /// <summary>The path on the wire: <c>/service/name</c>.</summary>
    string FullName { get; }
}

/// <summary>A method of a service.</summary>
/// <typeparam name="TRequest">The request.</typeparam>
/// <typeparam name="TResponse">The response.</typeparam>
public class Method<TRequest, TResponse> : IMethod
{
    /// <summary>Makes a method.</summary>
    /// <param name="type">Which side streams.</param>
    /// <param name="serviceName">The service, with its package.</param>
    /// <param name="name">The name.</param>
    /// <param name="requestMarshaller">Encodes requests.</param>
    /// <param name="responseMarshaller">Decodes responses.</param>
    public Method(
        MethodType type,
        string serviceName,
        string name,
        Marshaller<TRequest> requestMarshaller,
        Marshaller<TResponse> responseMarshaller)
    {
        Type = type;
        ServiceName = serviceName ?? throw new ArgumentNullException(nameof(serviceName));
        Name = name ?? throw new ArgumentNullException(nameof(name));
        RequestMarshaller = requestMarshaller ?? throw new ArgumentNullException(nameof(requestMarshaller));
        ResponseMarshaller = responseMarshaller ?? throw new ArgumentNullException(nameof(responseMarshaller));
        FullName = $"/{serviceName}/{name}";
    }

    /// <inheritdoc/>
    public MethodType Type { get; }

    /// <inheritdoc/>
    public string ServiceName { get; }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string FullName { get; }

    /// <summary>Encodes requests.</summary>
    public Marshaller<TRequest> RequestMarshaller { get; }

    /// <summary>Decodes responses.</summary>
    public Marshaller<TResponse> ResponseMarshaller { get; }
}

/// <summary>Encodes and decodes messages of one type.</summary>
/// <typeparam name="T">The type.</typeparam>
public class Marshaller<T>
{
    /// <summary>Makes a marshaller of functions on byte arrays.</summary>
    /// <param name="serializer">Encodes.</param>
    /// <param name="deserializer">Decodes.</param>
    public Marshaller(Func<T, byte[]> serializer, Func<byte[], T> deserializer)
    {
        Serializer = serializer ?? throw new ArgumentNullException(nameof(serializer));
        Deserializer = deserializer ?? throw new ArgumentNullException(nameof(deserializer));
        ContextualSerializer = (message, context) => context.Complete(serializer(message));
        ContextualDeserializer = context => deserializer(context.PayloadAsNewBuffer());
    }

    /// <summary>Makes a marshaller of functions on buffers.</summary>
    /// <param name="serializer">Encodes.</param>
    /// <param name="deserializer">Decodes.</param>
    public Marshaller(Action<T, SerializationContext> serializer, Func<DeserializationContext, T> deserializer)
    {
        ContextualSerializer = serializer ?? throw new ArgumentNullException(nameof(serializer));
        ContextualDeserializer = deserializer ?? throw new ArgumentNullException(nameof(deserializer));
        Serializer = message => Native.RequestBuffer.ToArray(message, serializer);
        Deserializer = bytes => deserializer(new Native.ReceivedMessage(bytes, bytes.Length));
    }

    /// <summary>Encodes to an array.</summary>
    public Func<T, byte[]> Serializer { get; }

    /// <summary>Decodes an array.</summary>
    public Func<byte[], T> Deserializer { get; }

    /// <summary>Encodes to a buffer.</summary>
    public Action<T, SerializationContext> ContextualSerializer { get; }

    /// <summary>Decodes a buffer.</summary>
    public Func<DeserializationContext, T> ContextualDeserializer { get; }
}

/// <summary>Makes marshallers.</summary>
public static class Marshallers
{
    /// <summary>A marshaller of functions on byte arrays.</summary>
    /// <typeparam name="T">The type.</typeparam>
    /// <param name="serializer">Encodes.</param>
    /// <param name="deserializer">Decodes.</param>
    public static Marshaller<T> Create<T>(Func<T, byte[]> serializer, Func<byte[], T> deserializer) =>
        new(serializer, deserializer);

    /// <summary>A marshaller of functions on buffers.</summary>
    /// <typeparam name="T">The type.</typeparam>
    /// <param name="serializer">Encodes.</param>
    /// <param name="deserializer">Decodes.</param>
    public static Marshaller<T> Create<T>(
        Action<T, SerializationContext> serializer,
        Func<DeserializationContext, T> deserializer) => new(serializer, deserializer);
}

/// <summary>Where a message is encoded to.</summary>
public abstract class SerializationContext
{
    /// <summary>Ends with an array that holds the whole message.</summary>
    /// <param name="payload">The message.</param>
    public virtual void Complete(byte[] payload) => throw new NotSupportedException();

    /// <summary>The buffer to encode to.</summary>
    public virtual IBufferWriter<byte> GetBufferWriter() => throw new NotSupportedException();

    /// <summary>Tells the length of the message before it is encoded.</summary>
    /// <param name="payloadLength">In bytes.</param>
    public virtual void SetPayloadLength(int payloadLength)
    {
    }

    /// <summary>Ends a message that was written to the buffer.</summary>
    public virtual void Complete() => throw new NotSupportedException();
}

/// <summary>Where a message is decoded from.</summary>
public abstract class DeserializationContext
{
    /// <summary>Length of the message in bytes.</summary>
    public abstract int PayloadLength { get; }

    /// <summary>The message as an array of its own.</summary>
    public virtual byte[] PayloadAsNewBuffer() => throw new NotSupportedException();

    /// <summary>The message, valid until decoding ends.</summary>
    public virtual ReadOnlySequence<byte> PayloadAsReadOnlySequence() => throw new NotSupportedException();
}
