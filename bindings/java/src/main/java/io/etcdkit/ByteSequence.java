package io.etcdkit;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import io.etcdkit.internal.Bytes;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.Charset;
import java.util.Objects;

/** Bytes that never change: a key or a value. Equal when the bytes are. */
public final class ByteSequence implements Comparable<ByteSequence> {
    /** No bytes. */
    public static final ByteSequence EMPTY = new ByteSequence(ByteString.EMPTY);

    /** A slash, which usually stands between a namespace and a key. */
    public static final ByteSequence NAMESPACE_DELIMITER = from(new byte[] {'/'});

    static {
        Bytes.setAccess(
                new Bytes.Access() {
                    @Override
                    public ByteString unwrap(ByteSequence sequence) {
                        return sequence.bytes;
                    }

                    @Override
                    public ByteSequence wrap(ByteString bytes) {
                        return bytes.isEmpty() ? EMPTY : new ByteSequence(bytes);
                    }
                });
    }

    private final ByteString bytes;

    private ByteSequence(ByteString bytes) {
        this.bytes = bytes;
    }

    /**
     * Makes a sequence of a text.
     *
     * @param source the text
     * @param charset how to encode it
     * @return the sequence
     */
    public static ByteSequence from(String source, Charset charset) {
        return new ByteSequence(UnsafeByteOperations.unsafeWrap(source.getBytes(charset)));
    }

    /**
     * Makes a sequence of a copy of the bytes.
     *
     * @param source the bytes
     * @return the sequence
     */
    public static ByteSequence from(byte[] source) {
        return new ByteSequence(ByteString.copyFrom(source));
    }

    /**
     * Tells whether this begins with other bytes.
     *
     * @param prefix the other bytes; null begins nothing
     * @return whether it does
     */
    public boolean startsWith(ByteSequence prefix) {
        return prefix != null && bytes.startsWith(prefix.bytes);
    }

    /**
     * Appends.
     *
     * @param other what follows
     * @return both, one after the other
     */
    public ByteSequence concat(ByteSequence other) {
        return new ByteSequence(bytes.concat(other.bytes));
    }

    /**
     * Cuts off the beginning.
     *
     * @param beginIndex the first byte to keep
     * @return what is left
     * @throws IndexOutOfBoundsException if there is no such byte, nor the end
     */
    public ByteSequence substring(int beginIndex) {
        return new ByteSequence(bytes.substring(beginIndex));
    }

    /**
     * Cuts off both ends.
     *
     * @param beginIndex the first byte to keep
     * @param endIndex the first byte behind it not to keep
     * @return what is left
     * @throws IndexOutOfBoundsException if the indexes are no range of this sequence
     */
    public ByteSequence substring(int beginIndex, int endIndex) {
        return new ByteSequence(bytes.substring(beginIndex, endIndex));
    }

    /**
     * Decodes the bytes.
     *
     * @param charset how they encode a text; what they do not encode is replaced
     * @return the text
     */
    public String toString(Charset charset) {
        return bytes.toString(charset);
    }

    /** Decodes the bytes with the default charset of the virtual machine. */
    @Override
    public String toString() {
        return toString(Charset.defaultCharset());
    }

    /** {@return a copy of the bytes} */
    public byte[] getBytes() {
        return bytes.toByteArray();
    }

    /** {@return a copy of the bytes, by the name that protobuf's {@code ByteString} has for it} */
    public byte[] toByteArray() {
        return bytes.toByteArray();
    }

    /**
     * Writes the bytes.
     *
     * @param out where to
     * @throws IOException if {@code out} fails
     */
    public void writeTo(OutputStream out) throws IOException {
        bytes.writeTo(out);
    }

    /** {@return whether there are no bytes} */
    public boolean isEmpty() {
        return bytes.isEmpty();
    }

    /** {@return the number of bytes} */
    public int size() {
        return bytes.size();
    }

    /** Compares as the server orders keys: byte for byte, unsigned. */
    @Override
    public int compareTo(ByteSequence other) {
        return ByteString.unsignedLexicographicalComparator().compare(bytes, other.bytes);
    }

    @Override
    public boolean equals(Object other) {
        return this == other
                || other instanceof ByteSequence && bytes.equals(((ByteSequence) other).bytes);
    }

    @Override
    public int hashCode() {
        return Objects.hashCode(bytes);
    }
}
