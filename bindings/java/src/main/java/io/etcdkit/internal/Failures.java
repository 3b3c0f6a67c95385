package io.etcdkit.internal;

import io.etcdkit.common.exception.ClosedClientException;
import io.etcdkit.common.exception.ErrorCode;
import io.etcdkit.common.exception.EtcdException;
import io.etcdkit.common.exception.EtcdExceptionFactory;

/** Errors of the core as exceptions of the SDK. */
final class Failures {
    private Failures() {}

    static EtcdException exception(int kind, int code, String message, boolean outcomeUnknown) {
        if (kind == Kinds.CLOSED) {
            return new ClosedClientException(message);
        }
        ErrorCode errorCode = kind == Kinds.LOCKED ? ErrorCode.ABORTED : ErrorCode.ofNumber(code);
        return EtcdExceptionFactory.newEtcdException(errorCode, message, outcomeUnknown);
    }

    /** A failure while an answer was decoded. */
    static EtcdException of(Throwable error) {
        return EtcdExceptionFactory.toEtcdException(error);
    }

    /** The core takes no more calls: far more are in flight than it can serve. */
    static EtcdException overloaded() {
        return EtcdExceptionFactory.newEtcdException(
                ErrorCode.RESOURCE_EXHAUSTED,
                "too many calls are in flight; wait for some of them before starting more");
    }
}
