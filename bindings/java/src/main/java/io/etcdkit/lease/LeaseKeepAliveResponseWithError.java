package io.etcdkit.lease;

import io.etcdkit.common.exception.EtcdException;

/** A renewal of a lease, or its error: one of them is null. */
public class LeaseKeepAliveResponseWithError {
    /** The renewal, or null. */
    public final LeaseKeepAliveResponse leaseKeepAliveResponse;

    /** The error, or null. */
    public final EtcdException error;

    /**
     * Makes one of a renewal.
     *
     * @param leaseKeepAliveResponse the renewal
     */
    public LeaseKeepAliveResponseWithError(LeaseKeepAliveResponse leaseKeepAliveResponse) {
        this.leaseKeepAliveResponse = leaseKeepAliveResponse;
        this.error = null;
    }

    /**
     * Makes one of an error.
     *
     * @param error the error
     */
    public LeaseKeepAliveResponseWithError(EtcdException error) {
        this.leaseKeepAliveResponse = null;
        this.error = error;
    }
}
