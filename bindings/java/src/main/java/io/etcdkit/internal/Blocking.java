package io.etcdkit.internal;

import io.etcdkit.common.exception.EtcdExceptionFactory;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

/** Waits for calls where the API has no future. */
final class Blocking {
    private Blocking() {}

    /**
     * {@return the result} An error is thrown as it is; when the thread is interrupted the call is
     * cancelled.
     */
    static <T> T await(Future<T> call) {
        try {
            return call.get();
        } catch (ExecutionException error) {
            throw EtcdExceptionFactory.toEtcdException(error);
        } catch (InterruptedException interrupted) {
            call.cancel(true);
            throw EtcdExceptionFactory.handleInterrupt(interrupted);
        }
    }
}
