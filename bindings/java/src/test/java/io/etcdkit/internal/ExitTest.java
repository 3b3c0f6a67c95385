package io.etcdkit.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A virtual machine that ends while calls and callbacks are under way does so cleanly and soon. */
class ExitTest {
    /** Runs of each way to end. */
    private static final int RUNS = BoundaryTest.FULL ? 200 : 5;

    /** How long the end may take. */
    private static final long END_MS_MAX = 2_000;

    @TempDir private Path directory;

    @Test
    void by_exit() throws Exception {
        for (int run = 0; run < RUNS; run++) {
            assertEquals(3, end("exit", false));
        }
    }

    @Test
    void by_the_end_of_main() throws Exception {
        for (int run = 0; run < RUNS; run++) {
            assertEquals(0, end("return", false));
        }
    }

    @Test
    void by_a_signal_with_a_hook_that_makes_calls() throws Exception {
        for (int run = 0; run < RUNS; run++) {
            assertEquals(128 + 15, end("wait", true));
        }
    }

    private int end(String how, boolean signal) throws Exception {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("-Xcheck:jni");
        command.add("-XX:ErrorFile=" + directory.resolve("hs_err"));
        command.add("-cp");
        command.add(System.getProperty("java.class.path"));
        command.add(ExitProgram.class.getName());
        command.add(how);
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        try (BufferedReader output =
                new BufferedReader(new InputStreamReader(process.getInputStream()))) {
            assertEquals("ready", output.readLine());
            long begun = System.nanoTime();
            if (signal) {
                // Unlike the process itself, its handle leaves the streams open.
                process.toHandle().destroy();
            }
            String rest = output.lines().collect(Collectors.joining("\n"));
            assertTrue(process.waitFor(20, TimeUnit.SECONDS), "it does not end");
            long tookMs = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun);
            assertTrue(tookMs < END_MS_MAX, "the end took " + tookMs + " ms");
            assertEquals(signal ? "the hook made its call" : "", rest);
        } finally {
            process.destroyForcibly();
        }
        assertNoCrash();
        return process.exitValue();
    }

    private void assertNoCrash() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            assertFalse(files.findAny().isPresent(), "the virtual machine crashed");
        }
    }
}
