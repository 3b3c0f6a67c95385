package io.etcdkit.op;

import io.etcdkit.ByteSequence;
import io.etcdkit.options.DeleteOption;
import io.etcdkit.options.GetOption;
import io.etcdkit.options.PutOption;
import java.util.List;
import java.util.Objects;

/** An operation of a transaction. Never changes. */
public abstract class Op {
    /** What it does. */
    public enum Type {
        /** Writes a key. */
        PUT,
        /** Reads keys. */
        RANGE,
        /** Deletes keys. */
        DELETE_RANGE,
        /** Runs a transaction inside. */
        TXN
    }

    /** What it does. */
    protected final Type type;

    /** The key; empty for a transaction. */
    protected final ByteSequence key;

    /**
     * Makes an operation.
     *
     * @param type what it does
     * @param key the key
     */
    protected Op(Type type, ByteSequence key) {
        this.type = type;
        this.key = Objects.requireNonNull(key);
    }

    /**
     * Writes a key.
     *
     * @param key the key
     * @param value the value
     * @param option how
     * @return the operation
     */
    public static PutOp put(ByteSequence key, ByteSequence value, PutOption option) {
        return new PutOp(key, value, option);
    }

    /**
     * Reads keys.
     *
     * @param key the key, or the first one
     * @param option which keys, and how
     * @return the operation
     */
    public static GetOp get(ByteSequence key, GetOption option) {
        return new GetOp(key, option);
    }

    /**
     * Deletes keys.
     *
     * @param key the key, or the first one
     * @param option which keys, and how
     * @return the operation
     */
    public static DeleteOp delete(ByteSequence key, DeleteOption option) {
        return new DeleteOp(key, option);
    }

    /**
     * Runs a transaction inside a transaction.
     *
     * @param cmps what must hold
     * @param thenOps what to do if it does
     * @param elseOps what to do if it does not
     * @return the operation
     */
    public static TxnOp txn(Cmp[] cmps, Op[] thenOps, Op[] elseOps) {
        return new TxnOp(List.of(cmps), List.of(thenOps), List.of(elseOps));
    }

    /** {@return what it does} */
    public Type getType() {
        return type;
    }

    /** {@return the key, or the first one; empty for a transaction} */
    public ByteSequence getKey() {
        return key;
    }

    /** Writes a key. */
    public static final class PutOp extends Op {
        private final ByteSequence value;
        private final PutOption option;

        private PutOp(ByteSequence key, ByteSequence value, PutOption option) {
            super(Type.PUT, key);
            this.value = Objects.requireNonNull(value);
            this.option = Objects.requireNonNull(option);
        }

        /** {@return the value} */
        public ByteSequence getValue() {
            return value;
        }

        /** {@return how it is written} */
        public PutOption getOption() {
            return option;
        }
    }

    /** Reads keys. */
    public static final class GetOp extends Op {
        private final GetOption option;

        private GetOp(ByteSequence key, GetOption option) {
            super(Type.RANGE, key);
            this.option = Objects.requireNonNull(option);
        }

        /** {@return which keys are read, and how} */
        public GetOption getOption() {
            return option;
        }
    }

    /** Deletes keys. */
    public static final class DeleteOp extends Op {
        private final DeleteOption option;

        private DeleteOp(ByteSequence key, DeleteOption option) {
            super(Type.DELETE_RANGE, key);
            this.option = Objects.requireNonNull(option);
        }

        /** {@return which keys are deleted, and what is answered} */
        public DeleteOption getOption() {
            return option;
        }
    }

    /** Runs a transaction inside. */
    public static final class TxnOp extends Op {
        private final List<Cmp> cmps;
        private final List<Op> thenOps;
        private final List<Op> elseOps;

        private TxnOp(List<Cmp> cmps, List<Op> thenOps, List<Op> elseOps) {
            super(Type.TXN, ByteSequence.EMPTY);
            this.cmps = cmps;
            this.thenOps = thenOps;
            this.elseOps = elseOps;
        }

        /** {@return what must hold} */
        public List<Cmp> getCmps() {
            return cmps;
        }

        /** {@return what is done if it does} */
        public List<Op> getThenOps() {
            return thenOps;
        }

        /** {@return what is done if it does not} */
        public List<Op> getElseOps() {
            return elseOps;
        }
    }
}
