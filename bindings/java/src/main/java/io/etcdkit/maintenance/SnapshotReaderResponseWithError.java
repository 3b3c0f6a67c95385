package io.etcdkit.maintenance;

/** A piece of a snapshot, or an error: one of them is null. */
public class SnapshotReaderResponseWithError {
    /** The piece, or null. */
    public final SnapshotResponse snapshotResponse;

    /** The error, or null. */
    public final Exception error;

    /**
     * Makes one of a piece.
     *
     * @param snapshotResponse the piece
     */
    public SnapshotReaderResponseWithError(SnapshotResponse snapshotResponse) {
        this.snapshotResponse = snapshotResponse;
        this.error = null;
    }

    /**
     * Makes one of an error.
     *
     * @param error the error
     */
    public SnapshotReaderResponseWithError(Exception error) {
        this.snapshotResponse = null;
        this.error = error;
    }
}
