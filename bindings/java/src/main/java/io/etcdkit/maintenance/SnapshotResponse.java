package io.etcdkit.maintenance;

import io.etcdkit.AbstractResponse;
import io.etcdkit.ByteSequence;

/** A piece of a snapshot. */
public class SnapshotResponse extends AbstractResponse {
    private final long remainingBytes;
    private final ByteSequence blob;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param remainingBytes how much follows
     * @param blob the bytes of this piece
     */
    public SnapshotResponse(Header header, long remainingBytes, ByteSequence blob) {
        super(header);
        this.remainingBytes = remainingBytes;
        this.blob = blob;
    }

    /** {@return how much follows} */
    public long getRemainingBytes() {
        return remainingBytes;
    }

    /** {@return the bytes of this piece} */
    public ByteSequence getBlob() {
        return blob;
    }
}
