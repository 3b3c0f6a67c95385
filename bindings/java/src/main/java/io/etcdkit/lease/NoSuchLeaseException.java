package io.etcdkit.lease;

/** There is no such lease. */
public class NoSuchLeaseException extends Exception {
    private static final long serialVersionUID = 1L;

    /** The lease that is not there. */
    private final long leaseId;

    /**
     * Makes an exception.
     *
     * @param leaseId the lease that is not there
     */
    public NoSuchLeaseException(long leaseId) {
        super("etcdserver: requested lease not found: " + leaseId);
        this.leaseId = leaseId;
    }

    /** {@return the lease that is not there} */
    public long getLeaseId() {
        return leaseId;
    }
}
