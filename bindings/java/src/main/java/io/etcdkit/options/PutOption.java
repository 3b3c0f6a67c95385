package io.etcdkit.options;

/** How to write a key. */
public final class PutOption {
    /** The defaults. */
    public static final PutOption DEFAULT = builder().build();

    private final long leaseId;
    private final boolean prevKV;
    private final boolean ignoreValue;
    private final boolean ignoreLease;
    private final boolean autoRetry;

    private PutOption(Builder builder) {
        leaseId = builder.leaseId;
        prevKV = builder.prevKV;
        ignoreValue = builder.ignoreValue;
        ignoreLease = builder.ignoreLease;
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

    /** {@return the lease the key will belong to; 0 for none} */
    public long getLeaseId() {
        return leaseId;
    }

    /** {@return whether the previous pair is answered} */
    public boolean getPrevKV() {
        return prevKV;
    }

    /** {@return whether the key keeps its value} */
    public boolean isIgnoreValue() {
        return ignoreValue;
    }

    /** {@return whether the key keeps its lease} */
    public boolean isIgnoreLease() {
        return ignoreLease;
    }

    /** {@return whether the program allows the write to be repeated; see the setter} */
    public boolean isAutoRetry() {
        return autoRetry;
    }

    /** Collects options. */
    public static final class Builder {
        private long leaseId;
        private boolean prevKV;
        private boolean ignoreValue;
        private boolean ignoreLease;
        private boolean autoRetry;

        private Builder() {}

        /**
         * Gives the key to a lease: it is deleted when the lease ends.
         *
         * @param value the lease the key will belong to; 0 for none
         * @return this builder
         */
        public Builder withLeaseId(long value) {
            leaseId = value;
            return this;
        }

        /**
         * Asks for the previous pair.
         *
         * @return this builder
         */
        public Builder withPrevKV() {
            prevKV = true;
            return this;
        }

        /**
         * Keeps the value the key has; the value of the put must be empty, and the key must exist.
         *
         * @return this builder
         */
        public Builder withIgnoreValue() {
            ignoreValue = true;
            return this;
        }

        /**
         * Keeps the lease the key has; the key must exist.
         *
         * @return this builder
         */
        public Builder withIgnoreLease() {
            ignoreLease = true;
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

        /** {@return the options} */
        public PutOption build() {
            return new PutOption(this);
        }
    }
}
