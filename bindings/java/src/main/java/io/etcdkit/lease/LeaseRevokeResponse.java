package io.etcdkit.lease;

import io.etcdkit.AbstractResponse;

/** The answer that a lease is ended and its keys are deleted. */
public class LeaseRevokeResponse extends AbstractResponse {
    /**
     * Makes a response.
     *
     * @param header which server answered
     */
    public LeaseRevokeResponse(Header header) {
        super(header);
    }
}
