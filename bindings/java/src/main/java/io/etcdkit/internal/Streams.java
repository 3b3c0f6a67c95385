package io.etcdkit.internal;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** The open streams of one service, so that closing the service ends them. */
final class Streams {
    private final Set<Pump<?>> open = ConcurrentHashMap.newKeySet();
    private volatile boolean closed;

    boolean isClosed() {
        return closed;
    }

    void add(Pump<?> pump) {
        open.add(pump);
        if (closed) {
            pump.close();
        }
    }

    void remove(Pump<?> pump) {
        open.remove(pump);
    }

    /** Any of them, or null. */
    Pump<?> any() {
        return open.stream().findAny().orElse(null);
    }

    void close() {
        closed = true;
        open.forEach(Pump::close);
    }
}
