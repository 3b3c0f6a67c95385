package io.etcdkit.internal;

import io.etcdkit.bridge.v1.Empty;
import io.etcdkit.bridge.v1.ServerConfig;
import io.etcdkit.bridge.v1.ServerStarted;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

/** A server of the core. */
public final class EmbeddedServer {
    private final Handle handle;
    private final ServerStarted started;
    private final AtomicBoolean closed = new AtomicBoolean();

    private EmbeddedServer(long number, ServerStarted started) {
        this.handle = new Handle(this, number);
        this.started = started;
    }

    /**
     * Starts a server.
     *
     * @param dataDir the data directory; empty for memory
     * @param listen where to listen; empty for the default
     * @param name the name of the member; empty for the default
     * @param engine the storage engine; empty for the default
     * @param inProcess whether to listen nowhere
     * @param flags flags of the command line
     * @return the server
     */
    public static EmbeddedServer start(
            String dataDir,
            String listen,
            String name,
            String engine,
            boolean inProcess,
            List<String> flags) {
        ServerConfig config =
                ServerConfig.newBuilder()
                        .setDataDir(dataDir)
                        .setListen(listen)
                        .setName(name)
                        .setEngine(engine)
                        .setInProcessOnly(inProcess)
                        .addAllArgs(flags)
                        .build();
        Call<EmbeddedServer> call =
                new Call<>(
                        Core.callbacks(),
                        outcome ->
                                new EmbeddedServer(
                                        outcome.handle, ServerStarted.parseFrom(outcome.payload)));
        return Blocking.await(
                call.start(0, Methods.SERVER_START, config.toByteArray(), Core.NO_TIMEOUT));
    }

    /** {@return the first address it listens on} */
    public String endpoint() {
        return started.getEndpoint();
    }

    /** {@return the id of the member} */
    public long memberId() {
        return started.getMemberId();
    }

    /** {@return its number in the core} */
    public long handle() {
        return handle.number();
    }

    /** Stops it and waits for its end. */
    public void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        Call<Void> stop = new Call<>(Core.callbacks(), outcome -> null);
        byte[] nothing = Empty.getDefaultInstance().toByteArray();
        try {
            Blocking.await(
                    stop.start(handle.number(), Methods.SERVER_STOP, nothing, Core.NO_TIMEOUT));
        } finally {
            handle.close();
        }
    }
}
