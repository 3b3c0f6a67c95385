package io.etcdkit.lease;

import io.etcdkit.AbstractResponse;

/** A new lease. */
public class LeaseGrantResponse extends AbstractResponse {
    private final long id;
    private final long ttl;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param id the lease
     * @param ttl its time to live in seconds, which the server may have raised
     */
    public LeaseGrantResponse(Header header, long id, long ttl) {
        super(header);
        this.id = id;
        this.ttl = ttl;
    }

    /** {@return the lease} */
    public long getID() {
        return id;
    }

    /** {@return its time to live in seconds, which the server may have raised} */
    public long getTTL() {
        return ttl;
    }
}
