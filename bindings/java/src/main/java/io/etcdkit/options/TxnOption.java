package io.etcdkit.options;

/** How to run a transaction. */
public final class TxnOption {
    /** The defaults. */
    public static final TxnOption DEFAULT = builder().build();

    private final boolean autoRetry;

    private TxnOption(Builder builder) {
        autoRetry = builder.autoRetry;
    }

    /** {@return a builder with the defaults} */
    public static Builder builder() {
        return new Builder();
    }

    /** {@return whether the program allows the write to be repeated; see the setter} */
    public boolean isAutoRetry() {
        return autoRetry;
    }

    /** Collects options. */
    public static final class Builder {
        private boolean autoRetry;

        private Builder() {}

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
        public TxnOption build() {
            return new TxnOption(this);
        }
    }
}
