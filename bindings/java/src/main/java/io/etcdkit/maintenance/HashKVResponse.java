package io.etcdkit.maintenance;

import io.etcdkit.AbstractResponse;

/** A hash of the key space, to compare members with each other. */
public class HashKVResponse extends AbstractResponse {
    private final int hash;
    private final long compacted;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param hash the hash of all keys up to the revision
     * @param compacted the revision up to which history is compacted
     */
    public HashKVResponse(Header header, int hash, long compacted) {
        super(header);
        this.hash = hash;
        this.compacted = compacted;
    }

    /** {@return the hash of all keys up to the revision} */
    public int getHash() {
        return hash;
    }

    /** {@return the revision up to which history is compacted} */
    public long getCompacted() {
        return compacted;
    }
}
