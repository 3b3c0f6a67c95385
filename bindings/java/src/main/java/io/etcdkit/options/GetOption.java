package io.etcdkit.options;

import io.etcdkit.ByteSequence;
import java.util.Objects;
import java.util.Optional;

/** Which keys to read, and how. */
public final class GetOption {
    /** The defaults. */
    public static final GetOption DEFAULT = builder().build();

    private final long limit;
    private final ByteSequence endKey;
    private final long revision;
    private final SortOrder sortOrder;
    private final SortTarget sortTarget;
    private final boolean serializable;
    private final boolean keysOnly;
    private final boolean countOnly;
    private final long minCreateRevision;
    private final long maxCreateRevision;
    private final long minModRevision;
    private final long maxModRevision;
    private final boolean prefix;

    private GetOption(Builder builder) {
        limit = builder.limit;
        endKey = builder.endKey;
        revision = builder.revision;
        sortOrder = builder.sortOrder;
        sortTarget = builder.sortTarget;
        serializable = builder.serializable;
        keysOnly = builder.keysOnly;
        countOnly = builder.countOnly;
        minCreateRevision = builder.minCreateRevision;
        maxCreateRevision = builder.maxCreateRevision;
        minModRevision = builder.minModRevision;
        maxModRevision = builder.maxModRevision;
        prefix = builder.prefix;
    }

    /** {@return a builder with the defaults} */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * {@return a builder with the defaults}
     *
     * @deprecated Use {@link #builder}.
     */
    @Deprecated
    public static Builder newBuilder() {
        return builder();
    }

    /** {@return the most keys to answer; 0 for all} */
    public long getLimit() {
        return limit;
    }

    /** {@return the end of the range, which is not part of it} */
    public Optional<ByteSequence> getEndKey() {
        return Optional.ofNullable(endKey);
    }

    /** {@return the revision to read at; 0 for the newest} */
    public long getRevision() {
        return revision;
    }

    /** {@return the order of the answer} */
    public SortOrder getSortOrder() {
        return sortOrder;
    }

    /** {@return what is sorted by} */
    public SortTarget getSortField() {
        return sortTarget;
    }

    /** {@return whether the member may answer from its own state, which can be old} */
    public boolean isSerializable() {
        return serializable;
    }

    /** {@return whether values are left out} */
    public boolean isKeysOnly() {
        return keysOnly;
    }

    /** {@return whether only the number of keys is answered} */
    public boolean isCountOnly() {
        return countOnly;
    }

    /** {@return the lowest creation revision of keys to answer; 0 for any} */
    public long getMinCreateRevision() {
        return minCreateRevision;
    }

    /** {@return the highest creation revision of keys to answer; 0 for any} */
    public long getMaxCreateRevision() {
        return maxCreateRevision;
    }

    /** {@return the lowest write revision of keys to answer; 0 for any} */
    public long getMinModRevision() {
        return minModRevision;
    }

    /** {@return the highest write revision of keys to answer; 0 for any} */
    public long getMaxModRevision() {
        return maxModRevision;
    }

    /** {@return whether all keys that begin with the key are meant} */
    public boolean isPrefix() {
        return prefix;
    }

    /** In which order keys are answered. */
    public enum SortOrder {
        /** In that of the keys. */
        NONE,
        /** From small to large. */
        ASCEND,
        /** From large to small. */
        DESCEND
    }

    /** By what keys are sorted. */
    public enum SortTarget {
        /** The key itself. */
        KEY,
        /** The number of writes since it was created. */
        VERSION,
        /** The revision of its creation. */
        CREATE,
        /** The revision of its last write. */
        MOD,
        /** The value. */
        VALUE
    }

    /** Collects options. */
    public static final class Builder {
        private long limit;
        private ByteSequence endKey;
        private long revision;
        private SortOrder sortOrder = SortOrder.NONE;
        private SortTarget sortTarget = SortTarget.KEY;
        private boolean serializable;
        private boolean keysOnly;
        private boolean countOnly;
        private long minCreateRevision;
        private long maxCreateRevision;
        private long minModRevision;
        private long maxModRevision;
        private boolean prefix;

        private Builder() {}

        /**
         * Sets the most keys to answer.
         *
         * @param value the most keys to answer; 0 for all
         * @return this builder
         */
        public Builder withLimit(long value) {
            limit = value;
            return this;
        }

        /**
         * Asks for all keys from the key up to an end.
         *
         * @param value the end of the range, which is not part of it
         * @return this builder
         */
        public Builder withRange(ByteSequence value) {
            endKey = Objects.requireNonNull(value);
            return this;
        }

        /**
         * Reads the past.
         *
         * @param value the revision to read at; 0 for the newest
         * @return this builder
         */
        public Builder withRevision(long value) {
            revision = value;
            return this;
        }

        /**
         * Sets the order of the answer.
         *
         * @param value the order of the answer
         * @return this builder
         */
        public Builder withSortOrder(SortOrder value) {
            sortOrder = Objects.requireNonNull(value);
            return this;
        }

        /**
         * Sets what to sort by.
         *
         * @param value what is sorted by
         * @return this builder
         */
        public Builder withSortField(SortTarget value) {
            sortTarget = Objects.requireNonNull(value);
            return this;
        }

        /**
         * Allows the member to answer from its own state: faster, but possibly old.
         *
         * @param value whether the member may answer from its own state, which can be old
         * @return this builder
         */
        public Builder withSerializable(boolean value) {
            serializable = value;
            return this;
        }

        /**
         * Leaves values out.
         *
         * @param value whether values are left out
         * @return this builder
         */
        public Builder withKeysOnly(boolean value) {
            keysOnly = value;
            return this;
        }

        /**
         * Asks for the number of keys alone.
         *
         * @param value whether only the number of keys is answered
         * @return this builder
         */
        public Builder withCountOnly(boolean value) {
            countOnly = value;
            return this;
        }

        /**
         * Leaves out keys created before a revision.
         *
         * @param value the lowest creation revision of keys to answer; 0 for any
         * @return this builder
         */
        public Builder withMinCreateRevision(long value) {
            minCreateRevision = value;
            return this;
        }

        /**
         * Leaves out keys created after a revision.
         *
         * @param value the highest creation revision of keys to answer; 0 for any
         * @return this builder
         */
        public Builder withMaxCreateRevision(long value) {
            maxCreateRevision = value;
            return this;
        }

        /**
         * Leaves out keys last written before a revision.
         *
         * @param value the lowest write revision of keys to answer; 0 for any
         * @return this builder
         */
        public Builder withMinModRevision(long value) {
            minModRevision = value;
            return this;
        }

        /**
         * Leaves out keys last written after a revision.
         *
         * @param value the highest write revision of keys to answer; 0 for any
         * @return this builder
         */
        public Builder withMaxModRevision(long value) {
            maxModRevision = value;
            return this;
        }

        /**
         * Asks for all keys that begin with the key. A range goes before it.
         *
         * @param value whether all keys that begin with the key are meant
         * @return this builder
         */
        public Builder isPrefix(boolean value) {
            prefix = value;
            return this;
        }

        /**
         * Asks for all keys with a prefix.
         *
         * @param prefix the prefix
         * @return this builder
         * @deprecated Use {@link #isPrefix} with the prefix as key.
         */
        @Deprecated
        public Builder withPrefix(ByteSequence prefix) {
            return withRange(OptionsUtil.prefixEndOf(prefix));
        }

        /** {@return the options} */
        public GetOption build() {
            return new GetOption(this);
        }
    }
}
