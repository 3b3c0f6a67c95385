package io.etcdkit.grpc;

/**
 * An unchecked exception with a {@link Status}. It has no stack trace: it tells of the server, not
 * of the program.
 */
public class StatusRuntimeException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** How the call ended. */
    private final transient Status status;

    /**
     * Makes an exception.
     *
     * @param status how the call ended
     */
    public StatusRuntimeException(Status status) {
        super(status.message(), status.getCause(), false, false);
        this.status = status;
    }

    /** {@return how the call ended} */
    public final Status getStatus() {
        return status;
    }
}
