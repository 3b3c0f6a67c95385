package io.etcdkit.internal;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Starts calls of the native core and hands their results to those who wait for them.
 *
 * <p>One daemon thread waits for results and runs the core meanwhile, so that an answer wakes no
 * other thread on its way. It does nothing else: results are decoded, and user code runs, on the
 * executor of the call, so a callback that blocks holds up nobody. There is no shutdown hook: the
 * thread touches Java only between two waits, where an ending virtual machine stops it safely, and
 * programs use clients in shutdown hooks of their own, to take themselves off a list.
 */
public final class Core {
    /** The client's own limit applies. */
    static final long DEFAULT_TIMEOUT = 0;

    /** The call waits as long as it takes. */
    static final long NO_TIMEOUT = -1;

    /** Results taken at once: enough to pay for the crossing. */
    private static final int BATCH_MAX = 256;

    /** How long a wait for results lasts at most; a longer one would do as well. */
    private static final long WAIT_MS = 60_000;

    private static final String NO_MEMORY = "the virtual machine has no memory left for the answer";

    /** Seconds after which an idle thread for callbacks ends. */
    private static final long IDLE_SECONDS = 30;

    /**
     * Runs callbacks of clients without an executor of their own. As many threads as callbacks that
     * block.
     */
    private static final ExecutorService CALLBACKS = callbackThreads();

    private static final Core INSTANCE = new Core();

    private final long queue = Native.queueOpen();
    private final AtomicLong tags = new AtomicLong();
    private final ConcurrentHashMap<Long, Receiver> receivers = new ConcurrentHashMap<>();

    private Core() {
        Thread poller = new Thread(this::poll, "etcdkit-results");
        poller.setDaemon(true);
        poller.start();
    }

    static Core get() {
        return INSTANCE;
    }

    /**
     * Runs a task on an executor, or on the shared threads if the user has shut it down: who waits
     * must learn the end.
     */
    static void run(Executor executor, Runnable task) {
        try {
            executor.execute(task);
        } catch (RejectedExecutionException closed) {
            CALLBACKS.execute(task);
        }
    }

    static Executor callbacks() {
        return CALLBACKS;
    }

    /** {@return the version of the native core} */
    public static String version() {
        return Native.version();
    }

    /** {@return live handles, calls in flight and threads of the core, for leak tests} */
    public static long[] stats() {
        long[] stats = new long[3];
        Native.stats(stats);
        return stats;
    }

    /**
     * Takes the outcome of a call. Called once, on the thread that waits for results: runs no code
     * of the user.
     */
    @FunctionalInterface
    interface Receiver {
        void deliver(Outcome outcome);
    }

    /**
     * Sends bytes to the core and back, to test and to measure the boundary.
     *
     * @param payload the bytes
     * @return the same bytes
     */
    public static CompletableFuture<byte[]> echo(byte[] payload) {
        Call<byte[]> call = new Call<>(CALLBACKS, outcome -> outcome.payload);
        return call.start(0, Methods.ECHO, payload, DEFAULT_TIMEOUT);
    }

    /** Starts a call, whose receiver gets one outcome. Returns what {@link Native#cancel} takes. */
    long start(Receiver receiver, long target, int method, byte[] request, long timeoutMs) {
        long tag = tags.incrementAndGet();
        receivers.put(tag, receiver);
        long call = Native.start(queue, target, method, request, timeoutMs, tag);
        if (call == 0 && receivers.remove(tag) != null) {
            receiver.deliver(new Outcome(Kinds.RESOURCE_EXHAUSTED, Failures.overloaded()));
        }
        return call;
    }

    private void poll() {
        long[] words = new long[BATCH_MAX * Native.RESULT_WORDS];
        byte[][] payloads = new byte[BATCH_MAX][];
        // Ends with the virtual machine: the queue is never closed.
        while (true) {
            int count = Native.next(queue, words, payloads, WAIT_MS);
            for (int index = 0; index < count; index++) {
                int at = index * Native.RESULT_WORDS;
                hand(receivers.remove(words[at + Native.TAG]), words, at, payloads[index]);
                payloads[index] = null;
            }
        }
    }

    /**
     * Whatever goes wrong with one result, such as that no thread can be made, the others must
     * still be handed on.
     */
    private static void hand(Receiver receiver, long[] words, int at, byte[] payload) {
        if (receiver == null) {
            return;
        }
        try {
            receiver.deliver(outcome(words, at, payload));
        } catch (Throwable error) {
            Thread thread = Thread.currentThread();
            thread.getUncaughtExceptionHandler().uncaughtException(thread, error);
        }
    }

    private static Outcome outcome(long[] words, int at, byte[] payload) {
        if (words[at + Native.KIND] == 0) {
            return new Outcome(words[at + Native.HANDLE], payload);
        }
        String message = payload == null ? NO_MEMORY : new String(payload, StandardCharsets.UTF_8);
        boolean unknown = (words[at + Native.FLAGS] & Native.OUTCOME_UNKNOWN) != 0;
        int kind = (int) words[at + Native.KIND];
        int code = (int) words[at + Native.CODE];
        return new Outcome(kind, Failures.exception(kind, code, message, unknown));
    }

    private static ExecutorService callbackThreads() {
        AtomicLong numbers = new AtomicLong();
        return new ThreadPoolExecutor(
                0,
                Integer.MAX_VALUE,
                IDLE_SECONDS,
                TimeUnit.SECONDS,
                new SynchronousQueue<>(),
                task -> {
                    Thread thread = new Thread(task, "etcdkit-" + numbers.incrementAndGet());
                    thread.setDaemon(true);
                    return thread;
                });
    }
}
