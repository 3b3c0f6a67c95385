import static java.nio.charset.StandardCharsets.UTF_8;

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.KV;
import io.etcd.jetcd.options.WatchOption;
import java.util.function.IntConsumer;

/** The figures of jetcd. */
final class JetcdRates implements Rates.Peer {
    private static final ByteSequence VALUE = ByteSequence.from(Rates.VALUE, UTF_8);
    private static final ByteSequence KEY = ByteSequence.from("key", UTF_8);

    private final Client client;
    private final KV kv;

    private JetcdRates(Client client) {
        this.client = client;
        this.kv = client.getKVClient();
    }

    public static void main(String[] arguments) throws Exception {
        long begun = System.nanoTime();
        Client client = Client.builder().endpoints("http://" + arguments[0]).build();
        Rates.print("import_ms", (System.nanoTime() - begun) / 1e6);
        Rates.measure(new JetcdRates(client), Double.parseDouble(arguments[1]));
        client.close();
    }

    @Override
    public void put(String key) throws Exception {
        kv.put(ByteSequence.from(key, UTF_8), VALUE).get();
    }

    @Override
    public void get() throws Exception {
        kv.get(KEY).get();
    }

    @Override
    public AutoCloseable watch(String prefix, IntConsumer seen) {
        WatchOption option = WatchOption.builder().isPrefix(true).build();
        return client.getWatchClient()
                .watch(
                        ByteSequence.from(prefix, UTF_8),
                        option,
                        response -> seen.accept(response.getEvents().size()));
    }
}
