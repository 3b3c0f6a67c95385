package io.etcdkit;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.BeforeAll;

/** A server and a client for the tests of a class, and how they speak. */
abstract class WithServer {
    /** Longest wait for anything a test expects to happen. */
    static final long PATIENCE_SECONDS = 20;

    static Server server;
    static Client client;
    static KV kv;

    @BeforeAll
    static void startServer() {
        server = Server.start();
        client = connect();
        kv = client.getKVClient();
    }

    @AfterAll
    static void stopServer() {
        client.close();
        server.close();
    }

    static Client connect() {
        return Client.builder().endpoints(server.endpoint()).build();
    }

    static ByteSequence bytes(String text) {
        return ByteSequence.from(text, UTF_8);
    }

    static String text(ByteSequence bytes) {
        return bytes.toString(UTF_8);
    }

    static long put(String key, String value) throws Exception {
        return get(kv.put(bytes(key), bytes(value))).getHeader().getRevision();
    }

    static <T> T get(Future<T> future) throws Exception {
        return future.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }

    /** The error that a call fails with. */
    static <E extends Throwable> E failure(Class<E> type, Future<?> future) {
        ExecutionException error =
                Assertions.assertThrows(ExecutionException.class, () -> get(future));
        return Assertions.assertInstanceOf(type, error.getCause());
    }
}
