package io.etcdkit.common.exception;

/** The snapshot was closed. */
public class ClosedSnapshotException extends EtcdException {
    private static final long serialVersionUID = 1L;

    /** Makes an exception. */
    public ClosedSnapshotException() {
        super(ErrorCode.CANCELLED, "the snapshot is closed", null);
    }
}
