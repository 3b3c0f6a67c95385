package io.etcdkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.etcdkit.common.exception.ClosedClientException;
import io.etcdkit.common.exception.ErrorCode;
import io.etcdkit.common.exception.EtcdException;
import io.etcdkit.grpc.Status;
import io.etcdkit.kv.GetResponse;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ErrorsTest extends WithServer {
    @Test
    void the_message_is_the_servers_word_for_word() {
        EtcdException error = failure(EtcdException.class, kv.get(ByteSequence.EMPTY));
        assertEquals(ErrorCode.INVALID_ARGUMENT, error.getErrorCode());
        assertEquals("etcdserver: key is not provided", error.getMessage());
        assertFalse(error.isOutcomeUnknown());
        assertEquals(Status.Code.INVALID_ARGUMENT, Status.fromThrowable(error).getCode());
    }

    @Test
    void join_throws_the_error_too() {
        CompletableFuture<GetResponse> call = kv.get(ByteSequence.EMPTY);
        CompletionException error = assertThrows(CompletionException.class, call::join);
        assertInstanceOf(EtcdException.class, error.getCause());
    }

    @Test
    void a_closed_client_says_so() {
        Client closed = connect();
        closed.close();
        closed.close();
        EtcdException error =
                failure(ClosedClientException.class, closed.getKVClient().get(bytes("a")));
        assertTrue(error.getMessage().contains("closed"), error.getMessage());
        assertThrows(
                ClosedClientException.class,
                () -> closed.getWatchClient().watch(bytes("a"), response -> {}));
    }

    @Test
    void null_is_refused_at_once() {
        assertThrows(NullPointerException.class, () -> kv.put(null, bytes("a")));
        assertThrows(NullPointerException.class, () -> kv.get(bytes("a"), null));
    }

    @Test
    void a_dead_endpoint_fails_within_the_time_limit() throws Exception {
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        try (Client dead =
                Client.builder()
                        .endpoints("http://127.0.0.1:" + port)
                        .retryMaxDuration(Duration.ofSeconds(1))
                        .build()) {
            long begun = System.nanoTime();
            EtcdException error =
                    failure(EtcdException.class, dead.getKVClient().put(bytes("a"), bytes("1")));
            assertTrue(
                    error.getErrorCode() == ErrorCode.UNAVAILABLE
                            || error.getErrorCode() == ErrorCode.DEADLINE_EXCEEDED,
                    error.toString());
            assertTrue(System.nanoTime() - begun < TimeUnit.SECONDS.toNanos(5));
        }
    }

    @Test
    void a_cancelled_call_is_cancelled() throws Exception {
        long first = get(client.getLeaseClient().grant(60)).getID();
        get(client.getLockClient().lock(bytes("e/lock"), first));
        long second = get(client.getLeaseClient().grant(60)).getID();
        var waiting = client.getLockClient().lock(bytes("e/lock"), second);
        assertTrue(waiting.cancel(false));
        assertThrows(CancellationException.class, waiting::join);
    }

    @Test
    void what_is_wrong_with_a_target_is_said() {
        ClientBuilder builder = Client.builder();
        assertThrows(IllegalStateException.class, builder::build);
        Throwable error =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> builder.target("dns+srv:///etcd.example"));
        assertTrue(error.getMessage().contains("SRV"), error.getMessage());
    }

    @Test
    void an_executor_that_is_shut_down_loses_no_result() throws Exception {
        ExecutorService executor = Executors.newSingleThreadExecutor();
        try (Client own =
                Client.builder().endpoints(server.endpoint()).executorService(executor).build()) {
            executor.shutdown();
            CompletableFuture<String> name =
                    own.getKVClient()
                            .get(bytes("a"))
                            .thenApply(response -> Thread.currentThread().getName());
            assertTrue(get(name).startsWith("etcdkit-") || get(name).equals("main"));
        }
    }
}
