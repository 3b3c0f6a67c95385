package io.etcdkit.options;

import io.etcdkit.ByteSequence;
import java.util.Objects;
import java.util.Optional;

/** Which keys to delete, and what to answer. */
public final class DeleteOption {
    /** The defaults. */
    public static final DeleteOption DEFAULT = builder().build();

    private final ByteSequence endKey;
    private final boolean prevKV;
    private final boolean prefix;
    private final boolean autoRetry;

    private DeleteOption(Builder builder) {
        endKey = builder.endKey;
        prevKV = builder.prevKV;
        prefix = builder.prefix;
        autoRetry = builder.autoRetry;
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

    /** {@return whether the deleted pairs are answered} */
    public boolean isPrevKV() {
        return prevKV;
    }

    /** {@return whether all keys that begin with the key are meant} */
    public boolean isPrefix() {
        return prefix;
    }

    /** {@return whether the program allows the write to be repeated; see the setter} */
    public boolean isAutoRetry() {
        return autoRetry;
    }

    /** Collects options. */
    public static final class Builder {
        private ByteSequence endKey;
        private boolean prevKV;
        private boolean prefix;
        private boolean autoRetry;

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
         * Sets whether the deleted pairs are answered.
         *
         * @param value whether the deleted pairs are answered
         * @return this builder
         */
        public Builder withPrevKV(boolean value) {
            prevKV = value;
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
         * Says that the write may be repeated. Accepted for programs that say it; the core repeats
         * a write only when it was provably not carried out, which needs no permission.
         *
         * @return this builder
         */
        public Builder withAutoRetry() {
            autoRetry = true;
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
        public DeleteOption build() {
            return new DeleteOption(this);
        }
    }
}
