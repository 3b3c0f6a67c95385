package io.etcdkit.election;

import io.etcdkit.AbstractResponse;
import io.etcdkit.KeyValue;

/** Who leads. */
public class LeaderResponse extends AbstractResponse {
    private final KeyValue kv;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param kv the key of the leader and what it proposes
     */
    public LeaderResponse(Header header, KeyValue kv) {
        super(header);
        this.kv = kv;
    }

    /** {@return the key of the leader and what it proposes} */
    public KeyValue getKv() {
        return kv;
    }
}
