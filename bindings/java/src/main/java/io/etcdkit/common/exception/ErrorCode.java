package io.etcdkit.common.exception;

import io.etcdkit.grpc.Status;

/** What kind of error it is; the names and numbers are gRPC's. */
public enum ErrorCode {
    /** The call was cancelled. */
    CANCELLED(1),
    /** An error without a code of its own; etcd uses it for locks and elections. */
    UNKNOWN(2),
    /** The request is wrong, whatever the state of the server. */
    INVALID_ARGUMENT(3),
    /** The call did not end in time. */
    DEADLINE_EXCEEDED(4),
    /** What the request names does not exist. */
    NOT_FOUND(5),
    /** What the request would make exists. */
    ALREADY_EXISTS(6),
    /** The user may not do this. */
    PERMISSION_DENIED(7),
    /** A limit was reached. */
    RESOURCE_EXHAUSTED(8),
    /** The server is not in a state for the request. */
    FAILED_PRECONDITION(9),
    /** The call lost against another one. */
    ABORTED(10),
    /** The request names a revision that is compacted or not there yet. */
    OUT_OF_RANGE(11),
    /** The server does not know the call. */
    UNIMPLEMENTED(12),
    /** A fault of the server or of this library. */
    INTERNAL(13),
    /** No server could be reached, or it cannot serve now. */
    UNAVAILABLE(14),
    /** Data is lost or damaged. */
    DATA_LOSS(15),
    /** The user is not who it claims to be, or has not said who it is. */
    UNAUTHENTICATED(16);

    private static final ErrorCode[] CODES = values();

    private final int number;

    ErrorCode(int number) {
        this.number = number;
    }

    /** {@return gRPC's number of the code} */
    public int number() {
        return number;
    }

    /**
     * Finds a code by its number.
     *
     * @param number gRPC's number
     * @return the code, {@link #UNKNOWN} for a number that is none
     */
    public static ErrorCode ofNumber(int number) {
        return number >= 1 && number <= CODES.length ? CODES[number - 1] : UNKNOWN;
    }

    /**
     * Finds a code by its name.
     *
     * @param name the name of the constant
     * @param defaultValue returned for a name that is none
     * @return the code
     */
    public static ErrorCode valueOf(String name, ErrorCode defaultValue) {
        for (ErrorCode code : CODES) {
            if (code.name().equals(name)) {
                return code;
            }
        }
        return defaultValue;
    }

    /**
     * Finds the code of a status.
     *
     * @param status a status that is an error
     * @return the code, {@link #UNKNOWN} for a status that is none
     */
    public static ErrorCode fromGrpcStatus(Status status) {
        return ofNumber(status.getCode().value());
    }
}
