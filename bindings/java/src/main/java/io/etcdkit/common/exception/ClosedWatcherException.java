package io.etcdkit.common.exception;

/** The watcher was closed. */
public class ClosedWatcherException extends EtcdException {
    private static final long serialVersionUID = 1L;

    /** Makes an exception. */
    public ClosedWatcherException() {
        super(ErrorCode.CANCELLED, "the watcher is closed", null);
    }
}
