package io.etcdkit.election;

import io.etcdkit.AbstractResponse;

/** The answer that the lead is given up. */
public class ResignResponse extends AbstractResponse {
    /**
     * Makes a response.
     *
     * @param header which server answered
     */
    public ResignResponse(Header header) {
        super(header);
    }
}
