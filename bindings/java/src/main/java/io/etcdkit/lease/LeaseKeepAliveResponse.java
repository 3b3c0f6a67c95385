package io.etcdkit.lease;

import io.etcdkit.AbstractResponse;

/** A lease was renewed. */
public class LeaseKeepAliveResponse extends AbstractResponse {
    private final long id;
    private final long ttl;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param id the lease
     * @param ttl its new time to live in seconds
     */
    public LeaseKeepAliveResponse(Header header, long id, long ttl) {
        super(header);
        this.id = id;
        this.ttl = ttl;
    }

    /** {@return the lease} */
    public long getID() {
        return id;
    }

    /** {@return its new time to live in seconds} */
    public long getTTL() {
        return ttl;
    }
}
