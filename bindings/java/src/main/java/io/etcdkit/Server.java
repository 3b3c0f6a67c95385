package io.etcdkit;

import io.etcdkit.internal.EmbeddedServer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * An etcd server in this process, for tests, tools and single nodes. Any number may run. Safe for
 * use by many threads.
 *
 * <pre>{@code
 * try (Server server = Server.start();
 *         Client client = Client.builder().endpoints(server.endpoint()).build()) {
 *     ...
 * }
 * }</pre>
 */
public final class Server implements AutoCloseable {
    private final EmbeddedServer server;

    private Server(EmbeddedServer server) {
        this.server = server;
    }

    /**
     * Starts a server on a free port of this machine, with its data in memory.
     *
     * @return the server, which serves
     */
    public static Server start() {
        return builder().start();
    }

    /** {@return a builder with the defaults} */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * {@return where clients connect, such as {@code http://127.0.0.1:2379}; empty when the server
     * listens nowhere}
     */
    public String endpoint() {
        return server.endpoint();
    }

    /** {@return the id of the member} */
    public long memberId() {
        return server.memberId();
    }

    long handle() {
        return server.handle();
    }

    /** Stops the server; its port is free when this returns. Closing again does nothing. */
    @Override
    public void close() {
        server.close();
    }

    /** Collects what a server needs to know. */
    public static final class Builder {
        private String dataDir = "";
        private String listen = "";
        private String name = "";
        private String storageEngine = "";
        private boolean inProcess;
        private final List<String> flags = new ArrayList<>();

        private Builder() {}

        /**
         * Keeps the data in a directory; without one it is in memory and gone with the server.
         *
         * @param directory the directory
         * @return this builder
         */
        public Builder dataDir(Path directory) {
            dataDir = directory.toAbsolutePath().toString();
            return this;
        }

        /**
         * Sets where to listen.
         *
         * @param address {@code host:port}; the default {@code 127.0.0.1:0} takes a free port of
         *     this machine
         * @return this builder
         */
        public Builder listen(String address) {
            listen = address;
            return this;
        }

        /**
         * Names the member.
         *
         * @param member the name; the default is {@code default}
         * @return this builder
         */
        public Builder name(String member) {
            name = member;
            return this;
        }

        /**
         * Chooses the storage engine of a data directory.
         *
         * @param engine {@code redb}, the default, or {@code sled}
         * @return this builder
         */
        public Builder storageEngine(String engine) {
            storageEngine = engine;
            return this;
        }

        /**
         * Listens nowhere: only clients made with {@link ClientBuilder#server} reach the server.
         *
         * @return this builder
         */
        public Builder inProcess() {
            inProcess = true;
            return this;
        }

        /**
         * Adds a flag of the command line, for what this builder has no method for. {@link #start}
         * fails on one that means nothing to a server inside a program, and names those which do.
         *
         * @param flag such as {@code --quota-backend-bytes=1000000}
         * @return this builder
         */
        public Builder flag(String flag) {
            flags.add(flag);
            return this;
        }

        /**
         * Starts the server and waits until it serves.
         *
         * @return the server
         * @throws io.etcdkit.common.exception.EtcdException if it cannot start, saying why
         */
        public Server start() {
            return new Server(
                    EmbeddedServer.start(dataDir, listen, name, storageEngine, inProcess, flags));
        }
    }
}
