import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntConsumer;

/** Calls a second of a client of etcd; see benches/sdk/programs.toml. */
final class Rates {
    /** What both clients have, without their types. */
    interface Peer {
        void put(String key) throws Exception;

        void get() throws Exception;

        /** Calls {@code seen} with the number of events of each response until it is closed. */
        AutoCloseable watch(String prefix, IntConsumer seen) throws Exception;
    }

    /** A call by its number. */
    private interface Numbered {
        void call(int caller, long at) throws Exception;
    }

    static final String VALUE = "x".repeat(256);

    private static final int CALLERS = 64;
    private static final int WRITERS = 8;

    private Rates() {}

    static void measure(Peer peer, double seconds) throws Exception {
        long each = (long) (seconds * TimeUnit.SECONDS.toNanos(1));
        peer.put("key");
        // The virtual machine compiles what is measured first.
        rate(CALLERS, each / 2, (caller, at) -> peer.get());
        print("put", rate(1, each, (caller, at) -> peer.put("put/" + at % 1000)));
        print("get", rate(1, each, (caller, at) -> peer.get()));
        print("put64", rate(CALLERS, each, (caller, at) -> peer.put("put64/" + caller)));
        print("get64", rate(CALLERS, each, (caller, at) -> peer.get()));
        print("watch", watchRate(peer, each));
        print("rss_mib", residentMib());
    }

    static void print(String name, double figure) {
        System.out.println(name + " " + figure);
    }

    private static double watchRate(Peer peer, long each) throws Exception {
        AtomicLong seen = new AtomicLong();
        AutoCloseable watch = peer.watch("watched/", seen::addAndGet);
        try {
            long begun = System.nanoTime();
            rate(WRITERS, each, (caller, at) -> peer.put("watched/" + caller + "/" + at % 100));
            return seen.get() * 1e9 / (System.nanoTime() - begun);
        } finally {
            watch.close();
        }
    }

    private static double rate(int callers, long each, Numbered call) throws Exception {
        AtomicLong done = new AtomicLong();
        Thread[] threads = new Thread[callers];
        long begun = System.nanoTime();
        for (int index = 0; index < callers; index++) {
            int caller = index;
            Callable<Void> work =
                    () -> {
                        for (long at = 0; System.nanoTime() - begun < each; at++) {
                            call.call(caller, at);
                            done.incrementAndGet();
                        }
                        return null;
                    };
            threads[index] = new Thread(() -> run(work));
            threads[index].start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        return done.get() * 1e9 / (System.nanoTime() - begun);
    }

    private static void run(Callable<Void> work) {
        try {
            work.call();
        } catch (Exception error) {
            error.printStackTrace();
            System.exit(1);
        }
    }

    /** The largest memory of the process, where the system tells it. */
    private static double residentMib() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) / 1024.0;
            }
        }
        return 0;
    }
}
