package io.etcdkit.common.exception;

/** The client was closed, or the object the call belongs to. */
public class ClosedClientException extends EtcdException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes an exception.
     *
     * @param reason what is closed
     */
    public ClosedClientException(String reason) {
        super(ErrorCode.CANCELLED, reason, null);
    }
}
