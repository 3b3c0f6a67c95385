package io.etcdkit.options;

/** What to tell about a lease. */
public final class LeaseOption {
    /** The defaults. */
    public static final LeaseOption DEFAULT = builder().build();

    private final boolean attachedKeys;

    private LeaseOption(Builder builder) {
        attachedKeys = builder.attachedKeys;
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

    /** {@return whether the keys of the lease are answered} */
    public boolean isAttachedKeys() {
        return attachedKeys;
    }

    /** Collects options. */
    public static final class Builder {
        private boolean attachedKeys;

        private Builder() {}

        /**
         * Asks for the keys of the lease too.
         *
         * @return this builder
         */
        public Builder withAttachedKeys() {
            attachedKeys = true;
            return this;
        }

        /** {@return the options} */
        public LeaseOption build() {
            return new LeaseOption(this);
        }
    }
}
