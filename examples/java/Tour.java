import static java.nio.charset.StandardCharsets.UTF_8;

import io.etcdkit.ByteSequence;
import io.etcdkit.Client;
import io.etcdkit.KV;
import io.etcdkit.KeyValue;
import io.etcdkit.Server;
import io.etcdkit.Watch;
import io.etcdkit.concurrency.Mutex;
import io.etcdkit.concurrency.Session;
import io.etcdkit.election.CampaignResponse;
import io.etcdkit.kv.GetResponse;
import io.etcdkit.op.Cmp;
import io.etcdkit.op.CmpTarget;
import io.etcdkit.op.Op;
import io.etcdkit.options.DeleteOption;
import io.etcdkit.options.GetOption;
import io.etcdkit.options.LeaseOption;
import io.etcdkit.options.PutOption;
import io.etcdkit.options.WatchOption;
import io.etcdkit.watch.WatchEvent;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;

/**
 * The guided tour in Java: the same steps, printing the same lines, in every language.
 *
 * <p>{@code java -cp etcdkit.jar Tour.java [ENDPOINT]}
 *
 * <p>Without an endpoint it starts an embedded server. Each line is {@code step: what was seen}.
 */
public final class Tour {
    /** Every key the tour writes starts with one of these. */
    private static final List<String> PREFIXES =
            List.of(
                    "/mykey/",
                    "/ukey/",
                    "/lskey/",
                    "/service/",
                    "/config/",
                    "/leader",
                    "/old/",
                    "/locks/tour",
                    "stock",
                    "user1",
                    "tour");

    /** Longest wait for anything the tour expects to happen. */
    private static final int PATIENCE_SECONDS = 20;

    private static final GetOption PREFIX = GetOption.builder().isPrefix(true).build();
    private static final GetOption COUNT_PREFIX =
            GetOption.builder().isPrefix(true).withCountOnly(true).build();
    private static final GetOption COUNT = GetOption.builder().withCountOnly(true).build();

    private final String endpoint;
    private final Client client;
    private final KV kv;

    private Tour(String endpoint) {
        this.endpoint = endpoint;
        this.client = connect();
        this.kv = client.getKVClient();
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length > 0) {
            new Tour(arguments[0]).run();
            return;
        }
        try (Server server = Server.start()) {
            new Tour(server.endpoint()).run();
        }
    }

    private Client connect() {
        return Client.builder().endpoints(endpoint).build();
    }

    private void run() throws Exception {
        Map<String, Callable<String>> steps = new LinkedHashMap<>();
        steps.put("status", this::status);
        steps.put("put", this::put);
        steps.put("get", this::get);
        steps.put("get a prefix", this::getPrefix);
        steps.put("count", this::count);
        steps.put("exists", this::exists);
        steps.put("history", this::history);
        steps.put("transaction", this::transaction);
        steps.put("lease", this::lease);
        steps.put("lease expiry", this::leaseExpiry);
        steps.put("watch a prefix", this::watchPrefix);
        steps.put("watch from a revision", this::watchHistory);
        steps.put("lock", this::lock);
        steps.put("lock and etcdctl", this::lockWithEtcdctl);
        steps.put("leader by lease", this::leaderByLease);
        steps.put("leader by election", this::leaderByElection);
        steps.put("service discovery", this::serviceDiscovery);
        steps.put("configuration", this::configuration);
        steps.put("compaction", this::compaction);
        steps.put("delete a key", this::delete);
        steps.put("delete a prefix", this::deletePrefix);
        clean();
        for (Map.Entry<String, Callable<String>> step : steps.entrySet()) {
            System.out.println(step.getKey() + ": " + step.getValue().call());
        }
        clean();
        client.close();
    }

    private void clean() throws Exception {
        for (String prefix : PREFIXES) {
            kv.delete(bytes(prefix), DeleteOption.builder().isPrefix(true).build()).get();
        }
    }

    private String status() throws Exception {
        int members = client.getClusterClient().listMember().get().getMembers().size();
        long leader = client.getMaintenanceClient().statusMember(endpoint).get().getLeader();
        return members + " member, it leads: " + yes(leader != 0);
    }

    private String put() throws Exception {
        put("/mykey/key1", "123");
        put("/mykey/key2", "456");
        put("/ukey/key1", "abc");
        return "/mykey/key1=123 /mykey/key2=456 /ukey/key1=abc";
    }

    private String get() throws Exception {
        return pairs(kv.get(bytes("/mykey/key1")).get());
    }

    private String getPrefix() throws Exception {
        return pairs(kv.get(bytes("/mykey"), PREFIX).get());
    }

    private String count() throws Exception {
        return String.valueOf(kv.get(bytes("/mykey"), COUNT_PREFIX).get().getCount());
    }

    private String exists() throws Exception {
        return "/mykey/key1 "
                + yes(count("/mykey/key1") == 1)
                + ", /mykey/none "
                + yes(count("/mykey/none") == 1);
    }

    private String history() throws Exception {
        ByteSequence key = bytes("/mykey/key1");
        long revision = kv.get(key).get().getKvs().get(0).getModRevision();
        PutOption previous = PutOption.builder().withPrevKV().build();
        String returned = text(kv.put(key, bytes("124"), previous).get().getPrevKv().getValue());
        String now = value("/mykey/key1");
        GetOption then = GetOption.builder().withRevision(revision).build();
        String older = text(kv.get(key, then).get().getKvs().get(0).getValue());
        return String.format(
                "now %s, at the older revision %s, the put returned %s", now, older, returned);
    }

    private String transaction() throws Exception {
        put("user1", "bad");
        String first = cleanUser();
        long left = count("user1");
        String second = cleanUser();
        return first + ", user1 left: " + left + "; " + second + ", user1=" + value("user1");
    }

    private String cleanUser() throws Exception {
        ByteSequence key = bytes("user1");
        boolean succeeded =
                kv.txn()
                        .If(new Cmp(key, Cmp.Op.EQUAL, CmpTarget.value(bytes("bad"))))
                        .Then(Op.delete(key, DeleteOption.DEFAULT))
                        .Else(Op.put(key, bytes("good"), PutOption.DEFAULT))
                        .commit()
                        .get()
                        .isSucceeded();
        return succeeded ? "SUCCESS" : "FAILURE";
    }

    private String lease() throws Exception {
        long lease = grant(120);
        put("/lskey/key1", "will be delete", lease);
        var keys = LeaseOption.builder().withAttachedKeys().build();
        var info = client.getLeaseClient().timeToLive(lease, keys).get();
        long kept = client.getLeaseClient().keepAliveOnce(lease).get().getTTL();
        client.getLeaseClient().revoke(lease).get();
        return String.format(
                "granted %ds, keys %s, kept alive for %ds, keys left after revoke: %d",
                info.getGrantedTTL(), text(info.getKeys().get(0)), kept, count("/lskey/key1"));
    }

    private String leaseExpiry() throws Exception {
        String key = "/service/worker";
        BlockingQueue<WatchEvent> events = new LinkedBlockingQueue<>();
        List<String> seen = new ArrayList<>();
        try (Watch.Watcher watcher = watch(key, WatchOption.DEFAULT, events)) {
            put(key, "first life", grant(2));
            while (seen.size() < 3) {
                WatchEvent event = next(events);
                seen.add(describe(event));
                if (event.getEventType() == WatchEvent.EventType.DELETE) {
                    // The lease expired: grant another and register again.
                    put(key, "second life", grant(60));
                }
            }
        }
        return String.join(", ", seen);
    }

    private String watchPrefix() throws Exception {
        BlockingQueue<WatchEvent> events = new LinkedBlockingQueue<>();
        WatchOption prefix = WatchOption.builder().isPrefix(true).build();
        try (Watch.Watcher watcher = watch("stock", prefix, events)) {
            put("stock1", "10");
            put("stock2", "20");
            kv.delete(bytes("stock1")).get();
            return describe(events, 3);
        }
    }

    private String watchHistory() throws Exception {
        long first = put("tour-history", "1");
        put("tour-history", "2");
        BlockingQueue<WatchEvent> events = new LinkedBlockingQueue<>();
        WatchOption from = WatchOption.builder().withRevision(first).build();
        try (Watch.Watcher watcher = watch("tour-history", from, events)) {
            return describe(events, 2);
        }
    }

    private String lock() throws Exception {
        ByteSequence name = bytes("/locks/tour");
        try (Session first = client.openSession(Duration.ofSeconds(60)).get();
                Client other = connect();
                Session second = other.openSession(Duration.ofSeconds(60)).get()) {
            Mutex.Held held = first.mutex(name).lock().get();
            boolean refused = second.mutex(name).tryLock().get().isEmpty();
            CompletableFuture<Mutex.Held> waiting = second.mutex(name).lock();
            waitUntil(() -> queueLength() == 2);
            held.close();
            waiting.get(PATIENCE_SECONDS, TimeUnit.SECONDS).close();
            return "refused while held: " + yes(refused) + ", second gets it on release: yes";
        }
    }

    private String lockWithEtcdctl() throws Exception {
        String program = System.getenv().getOrDefault("ETCDKIT", "etcdkit");
        ProcessBuilder command =
                new ProcessBuilder(
                        program, "--endpoints", endpoint, "lock", "/locks/tour", "echo", "mine");
        try (Session session = client.openSession(Duration.ofSeconds(60)).get()) {
            Mutex.Held held = session.mutex(bytes("/locks/tour")).lock().get();
            Process etcdctl = command.redirectError(ProcessBuilder.Redirect.INHERIT).start();
            waitUntil(() -> queueLength() == 2);
            boolean waited = etcdctl.isAlive();
            held.close();
            String said = new String(etcdctl.getInputStream().readAllBytes(), UTF_8).trim();
            return "etcdctl waited: " + yes(waited) + ", then said: " + said;
        }
    }

    private String leaderByLease() throws Exception {
        long a = grant(120);
        long b = grant(120);
        String first = claim("A", a);
        String second = claim("B", b);
        client.getLeaseClient().revoke(a).get();
        String third = claim("B", b);
        client.getLeaseClient().revoke(b).get();
        return String.format(
                "A asks: %s, B asks: %s, B asks after A's lease ended: %s", first, second, third);
    }

    private String claim(String name, long lease) throws Exception {
        ByteSequence key = bytes("/leader");
        PutOption ours = PutOption.builder().withLeaseId(lease).build();
        kv.txn()
                .If(new Cmp(key, Cmp.Op.EQUAL, CmpTarget.createRevision(0)))
                .Then(Op.put(key, bytes(name), ours))
                .commit()
                .get();
        return value("/leader");
    }

    private String leaderByElection() throws Exception {
        ByteSequence name = bytes("tour-election");
        try (Client other = connect()) {
            var a = client.getElectionClient();
            var b = other.getElectionClient();
            CampaignResponse won = a.campaign(name, grant(60), bytes("A")).get();
            CompletableFuture<CampaignResponse> rival = b.campaign(name, grant(60), bytes("B"));
            waitUntil(() -> kv.get(bytes("tour-election/"), COUNT_PREFIX).get().getCount() == 2);
            String first = text(a.leader(name).get().getKv().getValue());
            a.resign(won.getLeader()).get();
            CampaignResponse next = rival.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
            String second = text(a.leader(name).get().getKv().getValue());
            b.resign(next.getLeader()).get();
            return first + " leads, then " + second;
        }
    }

    private String serviceDiscovery() throws Exception {
        long first = register("10.0.0.1:80");
        long second = register("10.0.0.2:80");
        String both = found();
        client.getLeaseClient().revoke(first).get();
        String one = found();
        client.getLeaseClient().revoke(second).get();
        return both + "; after one left: " + one;
    }

    /** The layout of grpc-go's resolver, so that programs in every language find each other. */
    private long register(String address) throws Exception {
        long lease = grant(60);
        put("/service/web/" + address, "{\"Op\":0,\"Addr\":\"" + address + "\"}", lease);
        return lease;
    }

    private String found() throws Exception {
        return kv.get(bytes("/service/web/"), PREFIX).get().getKvs().stream()
                .map(pair -> text(pair.getKey()).substring("/service/web/".length()))
                .collect(Collectors.joining(" "));
    }

    private String configuration() throws Exception {
        put("/config/timeout", "30");
        put("/config/retries", "3");
        GetResponse response = kv.get(bytes("/config/"), PREFIX).get();
        String loaded = pairs(response).replace("/config/", "");
        BlockingQueue<WatchEvent> events = new LinkedBlockingQueue<>();
        WatchOption behind =
                WatchOption.builder()
                        .isPrefix(true)
                        .withRevision(response.getHeader().getRevision() + 1)
                        .build();
        try (Watch.Watcher watcher = watch("/config/", behind, events)) {
            put("/config/timeout", "60");
            return "loaded " + loaded + "; " + describe(events, 1);
        }
    }

    private String compaction() throws Exception {
        long old = put("/old/key", "1");
        kv.compact(put("/old/key", "2")).get();
        try {
            kv.get(bytes("/old/key"), GetOption.builder().withRevision(old).build()).get();
            return "no error";
        } catch (ExecutionException error) {
            return error.getCause().getMessage();
        }
    }

    private String delete() throws Exception {
        boolean first = kv.delete(bytes("/mykey/key1")).get().getDeleted() == 1;
        boolean again = kv.delete(bytes("/mykey/key1")).get().getDeleted() == 1;
        return "deleted: " + yes(first) + ", again: " + yes(again);
    }

    private String deletePrefix() throws Exception {
        put("/mykey/key1", "123");
        DeleteOption prefix = DeleteOption.builder().isPrefix(true).build();
        return String.valueOf(kv.delete(bytes("/mykey"), prefix).get().getDeleted());
    }

    private long put(String key, String value) throws Exception {
        return kv.put(bytes(key), bytes(value)).get().getHeader().getRevision();
    }

    private void put(String key, String value, long lease) throws Exception {
        kv.put(bytes(key), bytes(value), PutOption.builder().withLeaseId(lease).build()).get();
    }

    private String value(String key) throws Exception {
        return text(kv.get(bytes(key)).get().getKvs().get(0).getValue());
    }

    private long count(String key) throws Exception {
        return kv.get(bytes(key), COUNT).get().getCount();
    }

    private long grant(long ttl) throws Exception {
        return client.getLeaseClient().grant(ttl).get().getID();
    }

    private long queueLength() throws Exception {
        return kv.get(bytes("/locks/tour/"), COUNT_PREFIX).get().getCount();
    }

    private Watch.Watcher watch(String key, WatchOption option, BlockingQueue<WatchEvent> events) {
        return client.getWatchClient()
                .watch(bytes(key), option, response -> events.addAll(response.getEvents()));
    }

    private static WatchEvent next(BlockingQueue<WatchEvent> events) throws Exception {
        WatchEvent event = events.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
        if (event == null) {
            throw new TimeoutException("no event came");
        }
        return event;
    }

    private static String describe(BlockingQueue<WatchEvent> events, int count) throws Exception {
        List<String> seen = new ArrayList<>();
        while (seen.size() < count) {
            seen.add(describe(next(events)));
        }
        return String.join(", ", seen);
    }

    private static String describe(WatchEvent event) {
        KeyValue pair = event.getKeyValue();
        boolean put = event.getEventType() == WatchEvent.EventType.PUT;
        return put ? "PUT " + pair(pair) : "DELETE " + text(pair.getKey());
    }

    private static String pairs(GetResponse response) {
        return response.getKvs().stream().map(Tour::pair).collect(Collectors.joining(" "));
    }

    private static String pair(KeyValue pair) {
        return text(pair.getKey()) + "=" + text(pair.getValue());
    }

    private static void waitUntil(Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        while (!condition.call()) {
            if (System.nanoTime() > deadline) {
                throw new TimeoutException("what the tour waits for did not happen");
            }
            TimeUnit.MILLISECONDS.sleep(10);
        }
    }

    private static String yes(boolean condition) {
        return condition ? "yes" : "no";
    }

    private static ByteSequence bytes(String text) {
        return ByteSequence.from(text, UTF_8);
    }

    private static String text(ByteSequence bytes) {
        return bytes.toString(UTF_8);
    }
}
