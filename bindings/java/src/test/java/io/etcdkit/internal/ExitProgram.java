package io.etcdkit.internal;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.etcdkit.ByteSequence;
import io.etcdkit.Client;
import io.etcdkit.KV;
import io.etcdkit.Server;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Ends, as its argument says, in the midst of calls, callbacks, a watch and a waiting lock. */
final class ExitProgram {
    private static final ByteSequence KEY = ByteSequence.from("key", UTF_8);

    private ExitProgram() {}

    public static void main(String[] arguments) throws Exception {
        Server server = Server.start();
        Client client = Client.builder().endpoints(server.endpoint()).build();
        KV kv = client.getKVClient();
        CountDownLatch busy = new CountDownLatch(200);
        client.getWatchClient().watch(KEY, response -> busy.countDown());
        long lease = client.getLeaseClient().grant(60).get().getID();
        long other = client.getLeaseClient().grant(60).get().getID();
        client.getLockClient().lock(KEY, lease).get();
        client.getLockClient().lock(KEY, other);
        for (int chain = 0; chain < 16; chain++) {
            putForEver(kv);
        }
        busy.await();
        if (arguments[0].equals("wait")) {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> callInHook(kv)));
        }
        System.out.println("ready");
        if (arguments[0].equals("exit")) {
            System.exit(3);
        }
        if (arguments[0].equals("wait")) {
            new CountDownLatch(1).await();
        }
    }

    private static void putForEver(KV kv) {
        kv.put(KEY, KEY).thenRun(() -> putForEver(kv));
    }

    private static void callInHook(KV kv) {
        try {
            kv.get(KEY).get(1, TimeUnit.SECONDS);
            System.out.println("the hook made its call");
        } catch (Exception error) {
            System.out.println("the hook failed: " + error);
        }
    }
}
