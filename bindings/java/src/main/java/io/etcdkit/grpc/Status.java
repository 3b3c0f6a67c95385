package io.etcdkit.grpc;

import java.util.Objects;

/** How a call ended, in gRPC's terms: a code, a description and perhaps a cause. Never changes. */
public final class Status {
    /** The codes, with gRPC's names and numbers. */
    public enum Code {
        /** No error. */
        OK,
        /** The call was cancelled. */
        CANCELLED,
        /** An error without a code of its own. */
        UNKNOWN,
        /** The request is wrong. */
        INVALID_ARGUMENT,
        /** The call did not end in time. */
        DEADLINE_EXCEEDED,
        /** What the request names does not exist. */
        NOT_FOUND,
        /** What the request would make exists. */
        ALREADY_EXISTS,
        /** The user may not do this. */
        PERMISSION_DENIED,
        /** A limit was reached. */
        RESOURCE_EXHAUSTED,
        /** The server is not in a state for the request. */
        FAILED_PRECONDITION,
        /** The call lost against another one. */
        ABORTED,
        /** The request is outside of what exists. */
        OUT_OF_RANGE,
        /** The server does not know the call. */
        UNIMPLEMENTED,
        /** A fault of the server. */
        INTERNAL,
        /** No server can serve the call now. */
        UNAVAILABLE,
        /** Data is lost or damaged. */
        DATA_LOSS,
        /** The user is not known. */
        UNAUTHENTICATED;

        private static final Code[] CODES = values();

        /** {@return gRPC's number of the code} */
        public int value() {
            return ordinal();
        }

        /** {@return a status of this code} */
        public Status toStatus() {
            return new Status(this, null, null);
        }
    }

    /** No error. */
    public static final Status OK = Code.OK.toStatus();

    /** {@link Code#CANCELLED}. */
    public static final Status CANCELLED = Code.CANCELLED.toStatus();

    /** {@link Code#UNKNOWN}. */
    public static final Status UNKNOWN = Code.UNKNOWN.toStatus();

    /** {@link Code#INVALID_ARGUMENT}. */
    public static final Status INVALID_ARGUMENT = Code.INVALID_ARGUMENT.toStatus();

    /** {@link Code#DEADLINE_EXCEEDED}. */
    public static final Status DEADLINE_EXCEEDED = Code.DEADLINE_EXCEEDED.toStatus();

    /** {@link Code#NOT_FOUND}. */
    public static final Status NOT_FOUND = Code.NOT_FOUND.toStatus();

    /** {@link Code#ALREADY_EXISTS}. */
    public static final Status ALREADY_EXISTS = Code.ALREADY_EXISTS.toStatus();

    /** {@link Code#PERMISSION_DENIED}. */
    public static final Status PERMISSION_DENIED = Code.PERMISSION_DENIED.toStatus();

    /** {@link Code#RESOURCE_EXHAUSTED}. */
    public static final Status RESOURCE_EXHAUSTED = Code.RESOURCE_EXHAUSTED.toStatus();

    /** {@link Code#FAILED_PRECONDITION}. */
    public static final Status FAILED_PRECONDITION = Code.FAILED_PRECONDITION.toStatus();

    /** {@link Code#ABORTED}. */
    public static final Status ABORTED = Code.ABORTED.toStatus();

    /** {@link Code#OUT_OF_RANGE}. */
    public static final Status OUT_OF_RANGE = Code.OUT_OF_RANGE.toStatus();

    /** {@link Code#UNIMPLEMENTED}. */
    public static final Status UNIMPLEMENTED = Code.UNIMPLEMENTED.toStatus();

    /** {@link Code#INTERNAL}. */
    public static final Status INTERNAL = Code.INTERNAL.toStatus();

    /** {@link Code#UNAVAILABLE}. */
    public static final Status UNAVAILABLE = Code.UNAVAILABLE.toStatus();

    /** {@link Code#DATA_LOSS}. */
    public static final Status DATA_LOSS = Code.DATA_LOSS.toStatus();

    /** {@link Code#UNAUTHENTICATED}. */
    public static final Status UNAUTHENTICATED = Code.UNAUTHENTICATED.toStatus();

    private final Code code;
    private final String description;
    private final Throwable cause;

    private Status(Code code, String description, Throwable cause) {
        this.code = Objects.requireNonNull(code);
        this.description = description;
        this.cause = cause;
    }

    /**
     * Finds a status by the number of its code.
     *
     * @param value the number
     * @return the status, {@link #UNKNOWN} for a number that is none
     */
    public static Status fromCodeValue(int value) {
        return value >= 0 && value < Code.CODES.length ? Code.CODES[value].toStatus() : UNKNOWN;
    }

    /**
     * Makes a status of a code.
     *
     * @param code the code
     * @return the status
     */
    public static Status fromCode(Code code) {
        return code.toStatus();
    }

    /**
     * Finds the status in an exception or its causes.
     *
     * @param error the exception
     * @return its status; one of code {@link Code#UNKNOWN} when there is none
     */
    public static Status fromThrowable(Throwable error) {
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            if (cause instanceof StatusRuntimeException) {
                return ((StatusRuntimeException) cause).getStatus();
            }
            if (cause instanceof StatusException) {
                return ((StatusException) cause).getStatus();
            }
        }
        return UNKNOWN.withCause(error);
    }

    /**
     * Makes the same status with another description.
     *
     * @param text the description, or null
     * @return the new status
     */
    public Status withDescription(String text) {
        return new Status(code, text, cause);
    }

    /**
     * Makes the same status with another cause.
     *
     * @param error the cause, or null
     * @return the new status
     */
    public Status withCause(Throwable error) {
        return new Status(code, description, error);
    }

    /** {@return the code} */
    public Code getCode() {
        return code;
    }

    /** {@return the description, or null} */
    public String getDescription() {
        return description;
    }

    /** {@return the cause, or null} */
    public Throwable getCause() {
        return cause;
    }

    /** {@return whether the call succeeded} */
    public boolean isOk() {
        return code == Code.OK;
    }

    /** {@return an unchecked exception with this status} */
    public StatusRuntimeException asRuntimeException() {
        return new StatusRuntimeException(this);
    }

    /** {@return a checked exception with this status} */
    public StatusException asException() {
        return new StatusException(this);
    }

    String message() {
        return description == null ? code.name() : code + ": " + description;
    }

    @Override
    public String toString() {
        return "Status{code=" + code + ", description=" + description + ", cause=" + cause + "}";
    }
}
