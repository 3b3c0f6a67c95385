package io.etcdkit.options;

import static java.util.Objects.requireNonNull;

import io.etcdkit.ByteSequence;
import java.util.Optional;

/** Which keys make a lock of a session. */
public final class MutexOption {
    /**
     * The defaults: the line of keys that {@code etcdctl lock} and Go's client use, and no more.
     */
    public static final MutexOption DEFAULT = builder().build();

    private final ByteSequence plainKey;
    private final ByteSequence plainValue;

    private MutexOption(Builder builder) {
        plainKey = builder.plainKey;
        plainValue = builder.plainValue;
    }

    /** {@return a builder with the defaults} */
    public static Builder builder() {
        return new Builder();
    }

    /** {@return the plain key that the owner holds too; empty if there is none} */
    public Optional<ByteSequence> getPlainKey() {
        return Optional.ofNullable(plainKey);
    }

    /** {@return the value of the plain key while the lock is held} */
    public ByteSequence getPlainValue() {
        return plainValue;
    }

    /** Collects options. */
    public static final class Builder {
        private ByteSequence plainKey;
        private ByteSequence plainValue = ByteSequence.EMPTY;

        private Builder() {}

        /**
         * Also holds one plain key, as clients use that invented locks of their own: python-etcd3
         * has {@code /locks/NAME}, microsoft/etcd3 the name itself. Programs on those clients are
         * then excluded too.
         *
         * @param key the key; neither empty nor one that starts with the lock's name and a slash
         * @param value its value while the lock is held
         * @return this builder
         */
        public Builder withPlainKey(ByteSequence key, ByteSequence value) {
            plainKey = requireNonNull(key, "key");
            plainValue = requireNonNull(value, "value");
            return this;
        }

        /** {@return the options} */
        public MutexOption build() {
            return new MutexOption(this);
        }
    }
}
