import static java.nio.charset.StandardCharsets.UTF_8;

import io.etcdkit.ByteSequence;
import io.etcdkit.Client;
import io.etcdkit.KV;
import io.etcdkit.internal.Core;
import io.etcdkit.options.WatchOption;
import java.util.function.IntConsumer;

/** The figures of etcdkit. */
final class EtcdkitRates implements Rates.Peer {
    private static final int ECHOES = 100_000;
    private static final ByteSequence VALUE = ByteSequence.from(Rates.VALUE, UTF_8);
    private static final ByteSequence KEY = ByteSequence.from("key", UTF_8);

    private final Client client;
    private final KV kv;

    private EtcdkitRates(Client client) {
        this.client = client;
        this.kv = client.getKVClient();
    }

    public static void main(String[] arguments) throws Exception {
        long begun = System.nanoTime();
        Client client = Client.builder().endpoints("http://" + arguments[0]).build();
        Rates.print("import_ms", (System.nanoTime() - begun) / 1e6);
        Rates.measure(new EtcdkitRates(client), Double.parseDouble(arguments[1]));
        Rates.print("echo_ns", echo());
        client.close();
    }

    private static double echo() throws Exception {
        byte[] payload = new byte[64];
        for (int warm = 0; warm < ECHOES; warm++) {
            Core.echo(payload).get();
        }
        long begun = System.nanoTime();
        for (int call = 0; call < ECHOES; call++) {
            Core.echo(payload).get();
        }
        return (double) (System.nanoTime() - begun) / ECHOES;
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
