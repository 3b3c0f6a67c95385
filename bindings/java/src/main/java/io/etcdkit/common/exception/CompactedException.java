package io.etcdkit.common.exception;

/** The history that a watch was to begin or go on with is compacted away. */
public class CompactedException extends EtcdException {
    private static final long serialVersionUID = 1L;

    /** The oldest revision that is left. */
    private final long compactedRevision;

    CompactedException(ErrorCode code, String message, long compactedRevision) {
        super(code, message, null);
        this.compactedRevision = compactedRevision;
    }

    /** {@return the revision up to which history is gone; a watch can begin above it} */
    public long getCompactedRevision() {
        return compactedRevision;
    }
}
