package io.etcdkit.options;

import io.etcdkit.ByteSequence;
import java.util.Objects;
import java.util.Optional;

/** What to watch, and what to be told. */
public final class WatchOption {
    /** The defaults. */
    public static final WatchOption DEFAULT = builder().build();

    private final ByteSequence endKey;
    private final long revision;
    private final boolean prevKV;
    private final boolean progressNotify;
    private final boolean createdNotify;
    private final boolean noPut;
    private final boolean noDelete;
    private final boolean requireLeader;
    private final boolean prefix;

    private WatchOption(Builder builder) {
        endKey = builder.endKey;
        revision = builder.revision;
        prevKV = builder.prevKV;
        progressNotify = builder.progressNotify;
        createdNotify = builder.createdNotify;
        noPut = builder.noPut;
        noDelete = builder.noDelete;
        requireLeader = builder.requireLeader;
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

    /** {@return the end of the range, which is not part of it} */
    public Optional<ByteSequence> getEndKey() {
        return Optional.ofNullable(endKey);
    }

    /** {@return the revision to begin with; 0 for now} */
    public long getRevision() {
        return revision;
    }

    /** {@return whether events have the pair before the change} */
    public boolean isPrevKV() {
        return prevKV;
    }

    /**
     * {@return whether a quiet watch is told now and then up to which revision it has been served}
     */
    public boolean isProgressNotify() {
        return progressNotify;
    }

    /** {@return whether the listener is told that the watch was created} */
    public boolean isCreatedNotify() {
        return createdNotify;
    }

    /** {@return whether writes are left out} */
    public boolean isNoPut() {
        return noPut;
    }

    /** {@return whether deletes are left out} */
    public boolean isNoDelete() {
        return noDelete;
    }

    /**
     * {@return whether the watch is to fail over from a member that sees no leader; the core always
     * does}
     */
    public boolean withRequireLeader() {
        return requireLeader;
    }

    /** {@return whether all keys that begin with the key are meant} */
    public boolean isPrefix() {
        return prefix;
    }

    /** Collects options. */
    public static final class Builder {
        private ByteSequence endKey;
        private long revision;
        private boolean prevKV;
        private boolean progressNotify;
        private boolean createdNotify;
        private boolean noPut;
        private boolean noDelete;
        private boolean requireLeader;
        private boolean prefix;

        private Builder() {}

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
         * Begins with the events of a revision, which may be in the past.
         *
         * @param value the revision to begin with; 0 for now
         * @return this builder
         */
        public Builder withRevision(long value) {
            revision = value;
            return this;
        }

        /**
         * Sets whether events have the pair before the change.
         *
         * @param value whether events have the pair before the change
         * @return this builder
         */
        public Builder withPrevKV(boolean value) {
            prevKV = value;
            return this;
        }

        /**
         * Asks to be told now and then, while nothing happens, up to which revision the watch has
         * been served.
         *
         * @param value whether a quiet watch is told now and then up to which revision it has been
         *     served
         * @return this builder
         */
        public Builder withProgressNotify(boolean value) {
            progressNotify = value;
            return this;
        }

        /**
         * Asks to be told that the watch was created.
         *
         * @param value whether the listener is told that the watch was created
         * @return this builder
         */
        public Builder withCreateNotify(boolean value) {
            createdNotify = value;
            return this;
        }

        /**
         * Leaves writes out.
         *
         * @param value whether writes are left out
         * @return this builder
         */
        public Builder withNoPut(boolean value) {
            noPut = value;
            return this;
        }

        /**
         * Leaves deletes out.
         *
         * @param value whether deletes are left out
         * @return this builder
         */
        public Builder withNoDelete(boolean value) {
            noDelete = value;
            return this;
        }

        /**
         * Asks for a member that sees a leader. The core always does.
         *
         * @param value whether the watch is to fail over from a member that sees no leader; the
         *     core always does
         * @return this builder
         */
        public Builder withRequireLeader(boolean value) {
            requireLeader = value;
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
        public WatchOption build() {
            return new WatchOption(this);
        }
    }
}
