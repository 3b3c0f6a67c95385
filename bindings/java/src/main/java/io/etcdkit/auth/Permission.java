package io.etcdkit.auth;

import io.etcdkit.ByteSequence;

/** What may be done with a range of keys. */
public class Permission {
    private final Type permType;
    private final ByteSequence key;
    private final ByteSequence rangeEnd;

    /**
     * Makes a value.
     *
     * @param permType what may be done
     * @param key the key, or the first one of the range
     * @param rangeEnd the end of the range; empty for one key
     */
    public Permission(Type permType, ByteSequence key, ByteSequence rangeEnd) {
        this.permType = permType;
        this.key = key;
        this.rangeEnd = rangeEnd;
    }

    /** {@return what may be done} */
    public Type getPermType() {
        return permType;
    }

    /** {@return the key, or the first one of the range} */
    public ByteSequence getKey() {
        return key;
    }

    /** {@return the end of the range; empty for one key} */
    public ByteSequence getRangeEnd() {
        return rangeEnd;
    }

    /** What may be done. */
    public enum Type {
        /** Read. */
        READ,
        /** Write. */
        WRITE,
        /** Both. */
        READWRITE,
        /** Something this version does not know. */
        UNRECOGNIZED
    }
}
