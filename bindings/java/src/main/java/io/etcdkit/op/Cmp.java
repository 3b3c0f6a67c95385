package io.etcdkit.op;

import io.etcdkit.ByteSequence;
import java.util.Objects;
import java.util.Optional;

/** What must hold for a transaction to run the operations of {@code Then}. Never changes. */
public class Cmp {
    /** How to compare. */
    public enum Op {
        /** The same. */
        EQUAL,
        /** The key's is greater. */
        GREATER,
        /** The key's is less. */
        LESS,
        /** Not the same. */
        NOT_EQUAL
    }

    private final ByteSequence key;
    private final ByteSequence endKey;
    private final Op op;
    private final CmpTarget<?> target;

    /**
     * Compares something of a key.
     *
     * @param key the key
     * @param compareOp how to compare
     * @param target what of the key to compare, and with what
     */
    public Cmp(ByteSequence key, Op compareOp, CmpTarget<?> target) {
        this(key, null, compareOp, target);
    }

    /**
     * Compares something of every key of a range; holds if it holds for all of them.
     *
     * @param key the first key
     * @param endKey the end of the range, which is not part of it
     * @param compareOp how to compare
     * @param target what of the keys to compare, and with what
     */
    public Cmp(ByteSequence key, ByteSequence endKey, Op compareOp, CmpTarget<?> target) {
        this.key = Objects.requireNonNull(key);
        this.endKey = endKey;
        this.op = Objects.requireNonNull(compareOp);
        this.target = Objects.requireNonNull(target);
    }

    /** {@return the key, or the first one} */
    public ByteSequence getKey() {
        return key;
    }

    /** {@return the end of the range; empty for one key} */
    public Optional<ByteSequence> getEndKey() {
        return Optional.ofNullable(endKey);
    }

    /** {@return how to compare} */
    public Op getOp() {
        return op;
    }

    /** {@return what to compare, and with what} */
    public CmpTarget<?> getTarget() {
        return target;
    }
}
