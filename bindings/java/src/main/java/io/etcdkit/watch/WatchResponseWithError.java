package io.etcdkit.watch;

import io.etcdkit.common.exception.EtcdException;

/** A response of a watch, or its error: one of them is null. */
public class WatchResponseWithError {
    private final WatchResponse watchResponse;
    private final EtcdException exception;

    /**
     * Makes one of a response.
     *
     * @param watchResponse the response
     */
    public WatchResponseWithError(WatchResponse watchResponse) {
        this.watchResponse = watchResponse;
        this.exception = null;
    }

    /**
     * Makes one of an error.
     *
     * @param exception the error
     */
    public WatchResponseWithError(EtcdException exception) {
        this.watchResponse = null;
        this.exception = exception;
    }

    /** {@return the response, or null} */
    public WatchResponse getWatchResponse() {
        return watchResponse;
    }

    /** {@return the error, or null} */
    public EtcdException getException() {
        return exception;
    }
}
