package io.etcdkit.common.exception;

import io.etcdkit.grpc.Status;
import io.etcdkit.grpc.StatusException;
import io.etcdkit.grpc.StatusRuntimeException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

/** Makes the exceptions of this package. */
public final class EtcdExceptionFactory {
    private static final String COMPACTED =
            "etcdserver: mvcc: required revision has been compacted";

    private EtcdExceptionFactory() {}

    /**
     * Makes an exception.
     *
     * @param code what kind of error it is
     * @param message what happened
     * @return the exception
     */
    public static EtcdException newEtcdException(ErrorCode code, String message) {
        return newEtcdException(code, message, false);
    }

    /**
     * Makes an exception.
     *
     * @param code what kind of error it is
     * @param message what happened
     * @param cause why, or null
     * @return the exception
     */
    public static EtcdException newEtcdException(ErrorCode code, String message, Throwable cause) {
        return new EtcdException(code, message, cause);
    }

    /**
     * Makes the exception of a call that failed.
     *
     * @param code what kind of error it is
     * @param message what happened
     * @param outcomeUnknown see {@link EtcdException#isOutcomeUnknown}
     * @return the exception
     */
    public static EtcdException newEtcdException(
            ErrorCode code, String message, boolean outcomeUnknown) {
        Status status = Status.fromCodeValue(code.number()).withDescription(message);
        return new EtcdException(code, message, status.asRuntimeException(), outcomeUnknown);
    }

    /**
     * Makes the exception of a watch whose history is gone.
     *
     * @param compactedRevision the revision up to which history is gone
     * @return the exception
     */
    public static CompactedException newCompactedException(long compactedRevision) {
        return new CompactedException(ErrorCode.OUT_OF_RANGE, COMPACTED, compactedRevision);
    }

    /** {@return the exception of a watcher that is closed} */
    public static ClosedWatcherException newClosedWatcherException() {
        return new ClosedWatcherException();
    }

    /** {@return the exception of a watch client that is closed} */
    public static ClosedClientException newClosedWatchClientException() {
        return new ClosedClientException("the watch client is closed");
    }

    /** {@return the exception of a lease client that is closed} */
    public static ClosedClientException newClosedLeaseClientException() {
        return new ClosedClientException("the lease client is closed");
    }

    /** {@return the exception of a keep-alive listener that is closed} */
    public static ClosedKeepAliveListenerException newClosedKeepAliveListenerException() {
        return new ClosedKeepAliveListenerException();
    }

    /** {@return the exception of a snapshot that is closed} */
    public static ClosedSnapshotException newClosedSnapshotException() {
        return new ClosedSnapshotException();
    }

    /**
     * Interrupts the current thread again and makes an exception of it.
     *
     * @param error the interruption
     * @return the exception, of code {@link ErrorCode#CANCELLED}
     */
    public static EtcdException handleInterrupt(InterruptedException error) {
        Thread.currentThread().interrupt();
        return newEtcdException(ErrorCode.CANCELLED, "the thread was interrupted", error);
    }

    /**
     * Makes an exception of any error; what already is one, or is caused by one, stays as it is.
     *
     * @param cause the error
     * @return the exception
     */
    public static EtcdException toEtcdException(Throwable cause) {
        Throwable error = cause;
        while ((error instanceof CompletionException || error instanceof ExecutionException)
                && error.getCause() != null) {
            error = error.getCause();
        }
        if (error instanceof EtcdException) {
            return (EtcdException) error;
        }
        if (error instanceof StatusRuntimeException) {
            return ofStatus(((StatusRuntimeException) error).getStatus(), error);
        }
        if (error instanceof StatusException) {
            return ofStatus(((StatusException) error).getStatus(), error);
        }
        if (error instanceof CancellationException) {
            return newEtcdException(ErrorCode.CANCELLED, "the call was cancelled", error);
        }
        return newEtcdException(ErrorCode.INTERNAL, String.valueOf(error.getMessage()), error);
    }

    /**
     * Makes an exception of a status.
     *
     * @param status a status that is an error
     * @return the exception
     */
    public static EtcdException toEtcdException(Status status) {
        return ofStatus(status, status.asRuntimeException());
    }

    private static EtcdException ofStatus(Status status, Throwable cause) {
        String message = status.getDescription();
        return new EtcdException(
                ErrorCode.fromGrpcStatus(status),
                message == null ? status.getCode().name() : message,
                cause);
    }
}
