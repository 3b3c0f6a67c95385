package io.etcdkit.internal;

/**
 * The native side: a method id and an encoded request go in, a result comes out of a queue.
 *
 * <p>Nothing calls from native code into Java, so that no thread of the core can meet a virtual
 * machine that is ending; one Java thread waits for results instead. See {@link Core}.
 */
final class Native {
    /** The version of the boundary this class was written for. */
    static final int ABI_VERSION = 1;

    /** Of a result in the array that {@link #next} fills: which call it is for. */
    static final int TAG = 0;

    /** The object that the call made, or 0. */
    static final int HANDLE = 1;

    /** 0, or what kind of error it is. */
    static final int KIND = 2;

    /** The gRPC code of the error. */
    static final int CODE = 3;

    /** {@link #OUTCOME_UNKNOWN} or 0. */
    static final int FLAGS = 4;

    /** Numbers that make a result. */
    static final int RESULT_WORDS = 5;

    /** The write may have been executed although the call failed. */
    static final long OUTCOME_UNKNOWN = 1;

    static {
        NativeLibrary.load();
        if (abiVersion() != ABI_VERSION) {
            throw new UnsatisfiedLinkError(
                    "the native library of etcdkit speaks version "
                            + abiVersion()
                            + " of the boundary and the jar version "
                            + ABI_VERSION
                            + ": use the library that came with the jar");
        }
    }

    private Native() {}

    static native int abiVersion();

    static native String version();

    static native long queueOpen();

    /**
     * Starts a call; its one result arrives in the queue, also when it is refused. Returns what
     * {@link #cancel} takes.
     */
    static native long start(
            long queue, long target, int method, byte[] request, long timeoutMs, long tag);

    /**
     * Waits for results, {@link #RESULT_WORDS} numbers and a payload each. The payload of an error
     * is its message, or null where there was no memory for an answer. Returns -1 when the queue is
     * closed.
     */
    static native int next(long queue, long[] words, byte[][] payloads, long timeoutMs);

    static native void queueClose(long queue);

    static native void cancel(long call);

    static native void close(long handle);

    /** Live handles, calls and threads of the core, for leak tests. */
    static native void stats(long[] out);
}
