package io.etcdkit.common.exception;

/** The listener of a keep-alive was closed. */
public class ClosedKeepAliveListenerException extends EtcdException {
    private static final long serialVersionUID = 1L;

    /** Makes an exception. */
    public ClosedKeepAliveListenerException() {
        super(ErrorCode.CANCELLED, "the keep-alive listener is closed", null);
    }
}
