package io.etcdkit;

/** A key with its value and history. */
public class KeyValue {
    /** What a response has where there is no key and value. */
    public static final KeyValue NONE =
            new KeyValue(ByteSequence.EMPTY, ByteSequence.EMPTY, 0, 0, 0, 0);

    private final ByteSequence key;
    private final ByteSequence value;
    private final long createRevision;
    private final long modRevision;
    private final long version;
    private final long lease;

    /**
     * Makes a pair.
     *
     * @param key the key
     * @param value its value
     * @param createRevision the revision at which the key was created
     * @param modRevision the revision at which it was last written
     * @param version how often it was written since it was created
     * @param lease the lease it belongs to, or 0
     */
    public KeyValue(
            ByteSequence key,
            ByteSequence value,
            long createRevision,
            long modRevision,
            long version,
            long lease) {
        this.key = key;
        this.value = value;
        this.createRevision = createRevision;
        this.modRevision = modRevision;
        this.version = version;
        this.lease = lease;
    }

    /** {@return the key} */
    public ByteSequence getKey() {
        return key;
    }

    /** {@return the value; empty when only keys were asked for} */
    public ByteSequence getValue() {
        return value;
    }

    /** {@return the revision at which the key was created} */
    public long getCreateRevision() {
        return createRevision;
    }

    /** {@return the revision at which the key was last written} */
    public long getModRevision() {
        return modRevision;
    }

    /** {@return how often the key was written since it was created} */
    public long getVersion() {
        return version;
    }

    /** {@return the lease the key belongs to, or 0} */
    public long getLease() {
        return lease;
    }

    @Override
    public String toString() {
        return key + "=" + value + " (revision " + modRevision + ")";
    }
}
