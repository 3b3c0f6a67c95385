package io.etcdkit.kv;

import io.etcdkit.AbstractResponse;

/** The answer that history is compacted. */
public class CompactResponse extends AbstractResponse {
    /**
     * Makes a response.
     *
     * @param header which server answered
     */
    public CompactResponse(Header header) {
        super(header);
    }
}
