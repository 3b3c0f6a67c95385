package io.etcdkit.op;

import io.etcdkit.ByteSequence;
import java.util.Objects;

/**
 * What of a key is compared, and with what. Never changes.
 *
 * @param <T> what it is compared with
 */
public abstract class CmpTarget<T> {
    private final T targetValue;

    private CmpTarget(T targetValue) {
        this.targetValue = Objects.requireNonNull(targetValue);
    }

    /**
     * Compares how often the key was written since it was created; 0 for a key that does not exist.
     *
     * @param version what to compare with
     * @return the target
     */
    public static VersionCmpTarget version(long version) {
        return new VersionCmpTarget(version);
    }

    /**
     * Compares the revision at which the key was created; 0 for a key that does not exist.
     *
     * @param revision what to compare with
     * @return the target
     */
    public static CreateRevisionCmpTarget createRevision(long revision) {
        return new CreateRevisionCmpTarget(revision);
    }

    /**
     * Compares the revision at which the key was last written; 0 for a key that does not exist.
     *
     * @param revision what to compare with
     * @return the target
     */
    public static ModRevisionCmpTarget modRevision(long revision) {
        return new ModRevisionCmpTarget(revision);
    }

    /**
     * Compares the value. It never holds for a key that does not exist.
     *
     * @param value what to compare with
     * @return the target
     */
    public static ValueCmpTarget value(ByteSequence value) {
        return new ValueCmpTarget(value);
    }

    /**
     * Compares the lease; 0 for a key without one.
     *
     * @param lease what to compare with
     * @return the target
     */
    public static LeaseCmpTarget lease(long lease) {
        return new LeaseCmpTarget(lease);
    }

    /** {@return what is compared with} */
    public T getTargetValue() {
        return targetValue;
    }

    /** How often the key was written. */
    public static final class VersionCmpTarget extends CmpTarget<Long> {
        private VersionCmpTarget(Long targetValue) {
            super(targetValue);
        }
    }

    /** When the key was created. */
    public static final class CreateRevisionCmpTarget extends CmpTarget<Long> {
        private CreateRevisionCmpTarget(Long targetValue) {
            super(targetValue);
        }
    }

    /** When the key was last written. */
    public static final class ModRevisionCmpTarget extends CmpTarget<Long> {
        private ModRevisionCmpTarget(Long targetValue) {
            super(targetValue);
        }
    }

    /** The value. */
    public static final class ValueCmpTarget extends CmpTarget<ByteSequence> {
        private ValueCmpTarget(ByteSequence targetValue) {
            super(targetValue);
        }
    }

    /** The lease. */
    public static final class LeaseCmpTarget extends CmpTarget<Long> {
        private LeaseCmpTarget(Long targetValue) {
            super(targetValue);
        }
    }
}
