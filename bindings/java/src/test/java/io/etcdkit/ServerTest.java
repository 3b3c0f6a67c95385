package io.etcdkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.etcdkit.common.exception.ErrorCode;
import io.etcdkit.common.exception.EtcdException;
import io.etcdkit.kv.TxnResponse;
import io.etcdkit.op.Op;
import io.etcdkit.options.DeleteOption;
import io.etcdkit.options.PutOption;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServerTest {
    private static final ByteSequence KEY = ByteSequence.from("key", StandardCharsets.UTF_8);

    @Test
    void servers_stand_side_by_side() throws Exception {
        try (Server one = Server.start();
                Server two = Server.start()) {
            assertNotEquals(one.endpoint(), two.endpoint());
            write(one);
            assertEquals(0, count(two));
        }
    }

    @Test
    void data_in_a_directory_outlives_the_server(@TempDir Path directory) throws Exception {
        String address;
        try (Server first = Server.builder().dataDir(directory).start()) {
            address = URI.create(first.endpoint()).getAuthority();
            write(first);
        }
        // The port is free again when close returns.
        try (Server second = Server.builder().dataDir(directory).listen(address).start()) {
            assertEquals(1, count(second));
        }
    }

    @Test
    void a_server_without_a_port_is_reached_inside_the_process() throws Exception {
        try (Server server = Server.builder().inProcess().start();
                Client client = Client.builder().server(server).build()) {
            assertEquals("", server.endpoint());
            client.getKVClient().put(KEY, KEY).get(20, TimeUnit.SECONDS);
            assertEquals(1, client.getKVClient().get(KEY).get(20, TimeUnit.SECONDS).getCount());
        }
    }

    @Test
    void a_port_that_is_taken_is_said() {
        try (Server first = Server.start()) {
            String address = URI.create(first.endpoint()).getAuthority();
            EtcdException error =
                    assertThrows(
                            EtcdException.class, () -> Server.builder().listen(address).start());
            assertTrue(error.getMessage().contains("in use"), error.getMessage());
        }
    }

    @Test
    void flags_set_what_the_builder_has_no_method_for() throws Exception {
        Op put = Op.put(KEY, KEY, PutOption.DEFAULT);
        Op delete = Op.delete(ByteSequence.EMPTY, DeleteOption.builder().isPrefix(true).build());
        try (Server server = Server.builder().flag("--max-txn-ops=1").start();
                Client client = Client.builder().endpoints(server.endpoint()).build()) {
            CompletableFuture<TxnResponse> both =
                    client.getKVClient().txn().Then(put, delete).commit();
            var error =
                    assertThrows(ExecutionException.class, () -> both.get(20, TimeUnit.SECONDS));
            assertTrue(error.getMessage().contains("too many operations"), error.getMessage());
        }
        var refused =
                assertThrows(
                        EtcdException.class, () -> Server.builder().flag("--cert-file=x").start());
        assertEquals(ErrorCode.INVALID_ARGUMENT, refused.getErrorCode());
        assertTrue(refused.getMessage().contains("--quota-backend-bytes"), refused.getMessage());
    }

    private static void write(Server server) throws Exception {
        try (Client client = Client.builder().endpoints(server.endpoint()).build()) {
            client.getKVClient().put(KEY, KEY).get(20, TimeUnit.SECONDS);
        }
    }

    private static long count(Server server) throws Exception {
        try (Client client = Client.builder().endpoints(server.endpoint()).build()) {
            return client.getKVClient().get(KEY).get(20, TimeUnit.SECONDS).getCount();
        }
    }
}
