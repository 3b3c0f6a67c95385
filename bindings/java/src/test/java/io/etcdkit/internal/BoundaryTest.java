package io.etcdkit.internal;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.etcdkit.ByteSequence;
import io.etcdkit.Client;
import io.etcdkit.Server;
import io.etcdkit.Watch;
import io.etcdkit.common.exception.ErrorCode;
import io.etcdkit.common.exception.EtcdException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** The boundary to the core: nothing is lost, nothing leaks, no panic crosses. */
class BoundaryTest {
    /** Whether tests repeat themselves as often as before a release. */
    static final boolean FULL = "1".equals(System.getenv("ETCDKIT_TEST_FULL"));

    /** Clients opened and closed, a tenth of them with a watch. */
    private static final int ROUNDS = FULL ? 100_000 : 2_000;

    /** Growth of memory that is the allocators' own. */
    private static final long GROWTH_MAX_KB = 16 * 1024;

    private static final ByteSequence KEY = ByteSequence.from("key", UTF_8);

    @Test
    void bytes_come_back_as_they_went() throws Exception {
        for (int size : new int[] {0, 1, 1000, 5_000_000}) {
            byte[] payload = new byte[size];
            if (size > 0) {
                payload[size - 1] = 42;
            }
            assertArrayEquals(payload, Core.echo(payload).get(20, TimeUnit.SECONDS));
        }
    }

    @Test
    void every_call_completes_once_and_with_its_own_answer() throws Exception {
        List<CompletableFuture<byte[]>> calls = new ArrayList<>();
        for (int call = 0; call < 20_000; call++) {
            calls.add(Core.echo(String.valueOf(call).getBytes(UTF_8)));
        }
        for (int call = 0; call < calls.size(); call++) {
            byte[] answer = calls.get(call).get(20, TimeUnit.SECONDS);
            assertEquals(String.valueOf(call), new String(answer, UTF_8));
        }
    }

    @Test
    void calls_that_are_cancelled_leave_nothing_behind() throws Exception {
        awaitCalls(0);
        for (int call = 0; call < 5_000; call++) {
            Core.echo(new byte[100]).cancel(true);
        }
        awaitCalls(0);
    }

    @Test
    void a_wrong_handle_is_an_error() {
        Call<Void> call = new Call<>(Core.callbacks(), outcome -> null);
        call.start(0xdead_beefL, Methods.KV_RANGE, new byte[0], 0);
        ExecutionException error =
                Assertions.assertThrows(
                        ExecutionException.class, () -> call.get(20, TimeUnit.SECONDS));
        Assertions.assertInstanceOf(EtcdException.class, error.getCause());
    }

    @Test
    void a_panic_is_an_error_of_its_call_alone() throws Exception {
        Call<Void> call = new Call<>(Core.callbacks(), outcome -> null);
        call.start(0, Methods.PANIC, new byte[0], 0);
        ExecutionException error =
                Assertions.assertThrows(
                        ExecutionException.class, () -> call.get(20, TimeUnit.SECONDS));
        ErrorCode code = ((EtcdException) error.getCause()).getErrorCode();
        // Libraries that are not built for tests refuse to panic.
        assertTrue(code == ErrorCode.INTERNAL || code == ErrorCode.UNIMPLEMENTED);
        Core.echo(new byte[1]).get(20, TimeUnit.SECONDS);
    }

    @Test
    void opening_and_closing_leaks_nothing() throws Exception {
        Assumptions.assumeTrue(Files.isDirectory(Path.of("/proc/self/fd")));
        try (Server server = Server.start()) {
            openAndClose(server, ROUNDS / 4);
            long handles = Core.stats()[0];
            long threads = threads();
            long files = files();
            long memory = residentKb();
            openAndClose(server, ROUNDS);
            awaitCalls(0);
            assertEquals(handles, Core.stats()[0]);
            assertTrue(threads() <= threads + 2, threads + " threads, now " + threads());
            assertTrue(files() <= files + 8, files + " files, now " + files());
            long grown = residentKb() - memory;
            assertTrue(grown < GROWTH_MAX_KB, "grown by " + grown + " kB");
        }
    }

    @Test
    void a_client_nobody_holds_is_closed() throws Exception {
        long before = Core.stats()[0];
        for (int client = 0; client < 20; client++) {
            Client.builder().endpoints("http://127.0.0.1:1").build();
        }
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (Core.stats()[0] > before) {
            assertTrue(
                    System.nanoTime() < deadline, Core.stats()[0] - before + " clients are left");
            System.gc();
            TimeUnit.MILLISECONDS.sleep(20);
        }
    }

    private static void openAndClose(Server server, int rounds) throws Exception {
        for (int round = 0; round < rounds; round++) {
            try (Client client = Client.builder().endpoints(server.endpoint()).build()) {
                if (round % 10 == 0) {
                    client.getKVClient().put(KEY, KEY).get(20, TimeUnit.SECONDS);
                    Watch.Watcher watcher = client.getWatchClient().watch(KEY, response -> {});
                    watcher.close();
                }
            }
        }
    }

    private static void awaitCalls(long count) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (Core.stats()[1] > count) {
            assertTrue(System.nanoTime() < deadline, Core.stats()[1] + " calls are left");
            TimeUnit.MILLISECONDS.sleep(5);
        }
    }

    private static long threads() throws IOException {
        try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
            return tasks.filter(BoundaryTest::isNative).count();
        }
    }

    /** Threads of Java come and go with callbacks. */
    private static boolean isNative(Path task) {
        try {
            String name = Files.readString(task.resolve("comm"));
            return name.startsWith("tokio") || name.startsWith("etcdkit-rt");
        } catch (IOException ended) {
            return false;
        }
    }

    private static long files() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
            return files.count();
        }
    }

    private static long residentKb() throws IOException {
        System.gc();
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmRSS:")) {
                return Long.parseLong(line.replaceAll("\\D", ""));
            }
        }
        return 0;
    }
}
