package io.etcdkit.common.exception;

import java.util.Objects;

/**
 * An error of a call. Futures fail with it, so {@code get} throws it as the cause of an {@code
 * ExecutionException} and {@code join} as that of a {@code CompletionException}.
 *
 * <p>The message is the server's or the core's, word for word. The cause, where the server
 * answered, is an {@link io.etcdkit.grpc.StatusRuntimeException}.
 */
public class EtcdException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** What kind of error it is. */
    private final ErrorCode code;

    /** Whether a write may have been executed all the same. */
    private final boolean outcomeUnknown;

    EtcdException(ErrorCode code, String message, Throwable cause) {
        this(code, message, cause, false);
    }

    EtcdException(ErrorCode code, String message, Throwable cause, boolean outcomeUnknown) {
        super(message, cause);
        this.code = Objects.requireNonNull(code);
        this.outcomeUnknown = outcomeUnknown;
    }

    /** {@return what kind of error it is} */
    public ErrorCode getErrorCode() {
        return code;
    }

    /**
     * Tells whether a write may have been executed although it is reported as failed: it was sent,
     * and no answer came. Such a write is never repeated by the client.
     *
     * @return false when nothing was changed for sure
     */
    public boolean isOutcomeUnknown() {
        return outcomeUnknown;
    }
}
