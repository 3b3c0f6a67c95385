package io.etcdkit.election;

import io.etcdkit.AbstractResponse;

/** The answer that the proposal is changed. */
public class ProclaimResponse extends AbstractResponse {
    /**
     * Makes a response.
     *
     * @param header which server answered
     */
    public ProclaimResponse(Header header) {
        super(header);
    }
}
