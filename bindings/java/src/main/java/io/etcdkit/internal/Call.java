package io.etcdkit.internal;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * A call in flight, as the future its user gets. Cancelling it withdraws the request from the
 * server.
 *
 * <p>A thread that already waits in {@code get} or {@code join} decodes the result and completes
 * the future itself: that saves one change of threads of two. Otherwise the executor of the client
 * does.
 */
final class Call<T> extends CompletableFuture<T> implements Core.Receiver {
    /** Makes the result of the payload of an answer. */
    @FunctionalInterface
    interface Decoder<T> {
        T decode(Outcome outcome) throws Exception;
    }

    private final Executor executor;
    private final Decoder<T> decoder;

    /** Null, then the thread that waits, if any; then what came. */
    private final AtomicReference<Object> state = new AtomicReference<>();

    private volatile long id;

    Call(Executor executor, Decoder<T> decoder) {
        this.executor = executor;
        this.decoder = decoder;
    }

    /** Sends the request. */
    Call<T> start(long target, int method, byte[] request, long timeoutMs) {
        id = Core.get().start(this, target, method, request, timeoutMs);
        return this;
    }

    @Override
    public void deliver(Outcome outcome) {
        Object before = state.getAndSet(outcome);
        if (before instanceof Thread) {
            LockSupport.unpark((Thread) before);
            return;
        }
        Core.run(executor, () -> finish(outcome));
    }

    private void finish(Outcome outcome) {
        if (outcome.error != null) {
            completeExceptionally(outcome.error);
            return;
        }
        try {
            T result = decoder.decode(outcome);
            if (!complete(result)) {
                abandon(outcome);
            }
        } catch (Throwable error) {
            // Also when memory ran out: who waits must learn that it is over.
            completeExceptionally(Failures.of(error));
        }
    }

    /** Lets go of an object that nobody will ever see: the future was completed by its user. */
    private static void abandon(Outcome outcome) {
        if (outcome.handle != 0) {
            Native.close(outcome.handle);
        }
    }

    @Override
    public boolean cancel(boolean mayInterruptIfRunning) {
        boolean cancelled = super.cancel(mayInterruptIfRunning);
        if (cancelled) {
            Native.cancel(id);
        }
        return cancelled;
    }

    @Override
    public T get() throws InterruptedException, ExecutionException {
        awaitHere(Long.MAX_VALUE);
        return super.get();
    }

    @Override
    public T get(long timeout, TimeUnit unit)
            throws InterruptedException, ExecutionException, TimeoutException {
        long nanos = unit.toNanos(timeout);
        long begun = System.nanoTime();
        awaitHere(nanos);
        long left = Math.max(0, nanos - (System.nanoTime() - begun));
        return super.get(left, TimeUnit.NANOSECONDS);
    }

    @Override
    public T join() {
        awaitHere(Long.MAX_VALUE);
        return super.join();
    }

    /**
     * Waits as the one thread that completes the call, until it is complete, the time is over or
     * the thread is interrupted; what is left to wait for, and to throw, is the caller's affair.
     */
    private void awaitHere(long nanos) {
        Thread self = Thread.currentThread();
        if (isDone() || !state.compareAndSet(null, self)) {
            return;
        }
        // The user may complete the future too: that must wake this thread.
        whenComplete((result, error) -> LockSupport.unpark(self));
        long begun = System.nanoTime();
        long left = nanos;
        while (left > 0 && !isDone() && state.get() == self && !self.isInterrupted()) {
            LockSupport.parkNanos(this, left);
            left = nanos - (System.nanoTime() - begun);
        }
        if (!state.compareAndSet(self, null)) {
            finish((Outcome) state.get());
        }
    }
}
