package io.etcdkit.lease;

import io.etcdkit.AbstractResponse;
import io.etcdkit.ByteSequence;
import java.util.List;

/** What is left of a lease. */
public class LeaseTimeToLiveResponse extends AbstractResponse {
    private final long id;
    private final long ttl;
    private final long grantedTTL;
    private final List<ByteSequence> keys;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param id the lease
     * @param ttl the seconds left; -1 when there is no such lease
     * @param grantedTTL the seconds it was granted for
     * @param keys its keys; empty unless asked for
     */
    public LeaseTimeToLiveResponse(
            Header header, long id, long ttl, long grantedTTL, List<ByteSequence> keys) {
        super(header);
        this.id = id;
        this.ttl = ttl;
        this.grantedTTL = grantedTTL;
        this.keys = List.copyOf(keys);
    }

    /** {@return the lease} */
    public long getID() {
        return id;
    }

    /** {@return the seconds left; -1 when there is no such lease} */
    public long getTTL() {
        return ttl;
    }

    /** {@return the seconds it was granted for} */
    public long getGrantedTTL() {
        return grantedTTL;
    }

    /** {@return its keys; empty unless asked for} */
    public List<ByteSequence> getKeys() {
        return keys;
    }
}
