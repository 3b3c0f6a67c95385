package io.etcdkit.options;

/** How to compact. */
public final class CompactOption {
    /** The defaults. */
    public static final CompactOption DEFAULT = builder().build();

    private final boolean physical;

    private CompactOption(Builder builder) {
        physical = builder.physical;
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

    /** {@return whether to wait until the space is given back} */
    public boolean isPhysical() {
        return physical;
    }

    /** Collects options. */
    public static final class Builder {
        private boolean physical;

        private Builder() {}

        /**
         * Sets whether to wait until the compacted history is gone from the storage.
         *
         * @param value whether to wait until the space is given back
         * @return this builder
         */
        public Builder withCompactPhysical(boolean value) {
            physical = value;
            return this;
        }

        /** {@return the options} */
        public CompactOption build() {
            return new CompactOption(this);
        }
    }
}
