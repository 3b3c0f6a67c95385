package io.etcdkit.internal;

import io.etcdkit.common.exception.EtcdException;

/** How a call ended: with a payload and perhaps a new object, or with an error. */
final class Outcome {
    /** The object that the call made, or 0. */
    final long handle;

    /** The encoded response; null with an error. */
    final byte[] payload;

    /** One of {@link Kinds}, or 0. */
    final int kind;

    /** The error, or null. */
    final EtcdException error;

    Outcome(long handle, byte[] payload) {
        this.handle = handle;
        this.payload = payload;
        this.kind = 0;
        this.error = null;
    }

    Outcome(int kind, EtcdException error) {
        this.handle = 0;
        this.payload = null;
        this.kind = kind;
        this.error = error;
    }
}
