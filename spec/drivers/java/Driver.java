import static java.nio.charset.StandardCharsets.UTF_8;

import io.etcdkit.ByteSequence;
import io.etcdkit.Client;
import io.etcdkit.ClientBuilder;
import io.etcdkit.Election;
import io.etcdkit.KV;
import io.etcdkit.Lease;
import io.etcdkit.concurrency.Mutex;
import io.etcdkit.concurrency.Session;
import io.etcdkit.election.LeaderKey;
import io.etcdkit.election.LeaderResponse;
import io.etcdkit.options.CompactOption;
import io.etcdkit.options.DeleteOption;
import io.etcdkit.options.GetOption;
import io.etcdkit.options.LeaseOption;
import io.etcdkit.options.MutexOption;
import io.etcdkit.options.PutOption;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** The driver of the behaviour spec for Java: lines in, calls of {@code io.etcdkit}, lines out. */
public final class Driver {
    private static final Duration SESSION_TTL = Duration.ofSeconds(60);

    private final PrintStream output = new PrintStream(System.out, true, UTF_8);
    private final Map<Long, Client> clients = new ConcurrentHashMap<>();
    private final Map<Long, CompletableFuture<?>> calls = new ConcurrentHashMap<>();
    private final Map<Long, Watching> watches = new ConcurrentHashMap<>();
    private final Map<Long, Session> sessions = new ConcurrentHashMap<>();
    private final Map<Long, Mutex.Held> locks = new ConcurrentHashMap<>();
    private final Map<Long, LeaderKey> leaders = new ConcurrentHashMap<>();

    public static void main(String[] arguments) throws Exception {
        Driver driver = new Driver();
        // One thread a request that waits, so that none holds up another.
        ExecutorService threads = Executors.newCachedThreadPool();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, UTF_8));
        for (String text = input.readLine(); text != null; text = input.readLine()) {
            Line line = new Line(text);
            threads.execute(() -> driver.serve(line));
        }
        System.exit(0);
    }

    void tell(String text) {
        output.println(text);
    }

    private void serve(Line line) {
        try {
            String answer = perform(line);
            if (answer != null) {
                tell(answer);
            }
        } catch (ExecutionException error) {
            tell(Answers.failure(line, error.getCause()));
        } catch (Exception error) {
            tell(Answers.failure(line, error));
        } finally {
            calls.remove(line.id);
        }
    }

    private String perform(Line line) throws Exception {
        switch (line.verb) {
            case "hello":
                return line.ok("lang=java");
            case "open":
                return open(line);
            case "close":
                clients.remove(line.number("client")).close();
                return line.ok();
            case "cancel":
                calls.get(line.number("call")).cancel(true);
                return line.ok();
            case "put":
                return line.ok(Answers.put(await(line, put(line))));
            case "get":
                return line.ok(
                        Answers.get(await(line, kv(line).get(line.bytes("key"), getOption(line)))));
            case "del":
                DeleteOption delete = deleteOption(line);
                return line.ok(
                        Answers.delete(await(line, kv(line).delete(line.bytes("key"), delete))));
            case "compact":
                return compact(line);
            case "txn":
                return txn(line);
            case "watch":
                Watching watching = new Watching(this, line);
                watches.put(line.id, watching);
                watching.begin(client(line).getWatchClient());
                return null;
            case "unwatch":
                watches.get(line.number("watch")).end();
                return line.ok();
            case "misuse":
                return misuse(line);
            default:
                return coordinate(line);
        }
    }

    private String coordinate(Line line) throws Exception {
        switch (line.verb) {
            case "grant":
            case "revoke":
            case "keepalive":
            case "ttl":
            case "leases":
                return lease(line, client(line).getLeaseClient());
            case "lock":
                return lock(line);
            case "unlock":
                long lock = line.number("lock");
                locks.remove(lock).unlock().get();
                sessions.remove(lock).close();
                return line.ok();
            case "auth":
                return new Administration(line, client(line).getAuthClient()).perform();
            case "rpc_lock":
                var locked =
                        client(line).getLockClient().lock(line.bytes("name"), line.number("lease"));
                var response = await(line, locked);
                return line.ok(Answers.revision(response), "key=" + Hex.text(response.getKey()));
            case "rpc_unlock":
                return line.ok(
                        Answers.revision(
                                await(
                                        line,
                                        client(line).getLockClient().unlock(line.bytes("key")))));
            case "campaign":
            case "proclaim":
            case "resign":
            case "leader":
            case "observe":
                return elect(line, client(line).getElectionClient());
            default:
                return line.id + " unsupported";
        }
    }

    private String open(Line line) {
        ClientBuilder builder = Client.builder().endpoints(line.text("endpoint").split(","));
        if (line.has("timeout")) {
            builder.retryMaxDuration(Duration.ofMillis(line.number("timeout")));
        }
        if (line.has("user")) {
            builder.user(ByteSequence.from(line.text("user"), UTF_8));
            builder.password(ByteSequence.from(line.text("password"), UTF_8));
        }
        clients.put(line.id, builder.build());
        return line.ok("client=" + line.id);
    }

    private Client client(Line line) {
        return clients.get(line.number("client"));
    }

    private KV kv(Line line) {
        return client(line).getKVClient();
    }

    private <T> T await(Line line, CompletableFuture<T> call) throws Exception {
        calls.put(line.id, call);
        return call.get();
    }

    private CompletableFuture<io.etcdkit.kv.PutResponse> put(Line line) {
        PutOption.Builder option = PutOption.builder().withLeaseId(line.number("lease", 0));
        if (line.has("prev")) {
            option.withPrevKV();
        }
        if (line.has("ignore_value")) {
            option.withIgnoreValue();
        }
        if (line.has("ignore_lease")) {
            option.withIgnoreLease();
        }
        return kv(line).put(line.bytes("key"), line.bytes("value"), option.build());
    }

    private static GetOption getOption(Line line) {
        GetOption.Builder option =
                GetOption.builder()
                        .withLimit(line.number("limit", 0))
                        .withRevision(line.number("rev", 0))
                        .withSerializable(line.has("serializable"))
                        .withKeysOnly(line.has("keys_only"))
                        .withCountOnly(line.has("count_only"))
                        .withMinModRevision(line.number("min_mod", 0))
                        .withMaxModRevision(line.number("max_mod", 0))
                        .withMinCreateRevision(line.number("min_create", 0))
                        .withMaxCreateRevision(line.number("max_create", 0));
        if (line.has("end")) {
            option.withRange(line.bytes("end"));
        }
        if (line.has("order")) {
            option.withSortOrder(order(line.text("order")));
        }
        if (line.has("target")) {
            option.withSortField(GetOption.SortTarget.valueOf(line.text("target").toUpperCase()));
        }
        return option.build();
    }

    private static GetOption.SortOrder order(String name) {
        switch (name) {
            case "asc":
                return GetOption.SortOrder.ASCEND;
            case "desc":
                return GetOption.SortOrder.DESCEND;
            default:
                return GetOption.SortOrder.NONE;
        }
    }

    private static DeleteOption deleteOption(Line line) {
        DeleteOption.Builder option = DeleteOption.builder().withPrevKV(line.has("prev"));
        if (line.has("end")) {
            option.withRange(line.bytes("end"));
        }
        return option.build();
    }

    private String compact(Line line) throws Exception {
        CompactOption option =
                CompactOption.builder().withCompactPhysical(line.has("physical")).build();
        return line.ok(Answers.revision(await(line, kv(line).compact(line.number("rev"), option))));
    }

    private String txn(Line line) throws Exception {
        Transactions parts = Transactions.of(line);
        var committed =
                kv(line).txn()
                        .If(parts.cmps.toArray(io.etcdkit.op.Cmp[]::new))
                        .Then(parts.thenOps.toArray(io.etcdkit.op.Op[]::new))
                        .Else(parts.elseOps.toArray(io.etcdkit.op.Op[]::new))
                        .commit();
        return line.ok(Answers.txn(await(line, committed)));
    }

    private String lease(Line line, Lease leases) throws Exception {
        switch (line.verb) {
            case "grant":
                long ttl = line.number("ttl");
                var grant =
                        line.has("lease")
                                ? leases.grantWithId(ttl, line.number("lease"))
                                : leases.grant(ttl);
                var granted = await(line, grant);
                return line.ok("lease=" + granted.getID(), "ttl=" + granted.getTTL());
            case "revoke":
                return line.ok(Answers.revision(await(line, leases.revoke(line.number("lease")))));
            case "keepalive":
                var renewed = await(line, leases.keepAliveOnce(line.number("lease")));
                return line.ok("lease=" + renewed.getID(), "ttl=" + renewed.getTTL());
            case "ttl":
                LeaseOption.Builder option = LeaseOption.builder();
                if (line.has("keys")) {
                    option.withAttachedKeys();
                }
                var left = await(line, leases.timeToLive(line.number("lease"), option.build()));
                List<String> parts = new ArrayList<>();
                parts.add("ttl=" + left.getTTL());
                parts.add("granted=" + left.getGrantedTTL());
                left.getKeys().forEach(key -> parts.add("key=" + Hex.text(key)));
                return line.ok(parts.toArray(String[]::new));
            default:
                List<String> all = new ArrayList<>();
                await(line, leases.leases()).forEach(id -> all.add("lease=" + id));
                all.add(0, "count=" + all.size());
                return line.ok(all.toArray(String[]::new));
        }
    }

    private Session session(Line line) throws Exception {
        Duration ttl = Duration.ofSeconds(line.number("ttl", SESSION_TTL.toSeconds()));
        return client(line).openSession(ttl).get();
    }

    private String lock(Line line) throws Exception {
        Session session = session(line);
        try {
            Mutex mutex = session.mutex(line.bytes("name"), layout(line));
            Optional<Mutex.Held> held =
                    line.has("timeout")
                            ? await(line, mutex.lock(Duration.ofMillis(line.number("timeout"))))
                            : Optional.of(await(line, mutex.lock()));
            if (held.isEmpty()) {
                session.close();
                return line.ok("acquired=0");
            }
            locks.put(line.id, held.get());
            sessions.put(line.id, session);
            return line.ok(
                    "acquired=1",
                    "key=" + Hex.text(held.get().key()),
                    "rev=" + held.get().fencingToken());
        } catch (Exception error) {
            session.close();
            throw error;
        }
    }

    private static MutexOption layout(Line line) {
        if (!line.has("layout")) {
            return MutexOption.DEFAULT;
        }
        ByteSequence value = ByteSequence.from("java", UTF_8);
        return MutexOption.builder().withPlainKey(line.bytes("name"), value).build();
    }

    private String elect(Line line, Election election) throws Exception {
        switch (line.verb) {
            case "campaign":
                return campaign(line, election);
            case "proclaim":
                LeaderKey leader = leaders.get(line.number("leader"));
                var proclaimed = election.proclaim(leader, line.bytes("value"));
                return line.ok(Answers.revision(await(line, proclaimed)));
            case "resign":
                long campaign = line.number("leader");
                var resigned = await(line, election.resign(leaders.get(campaign)));
                Session session = sessions.remove(campaign);
                if (session != null) {
                    session.close();
                }
                return line.ok(Answers.revision(resigned));
            case "leader":
                LeaderResponse response = await(line, election.leader(line.bytes("name")));
                return line.ok(Answers.revision(response), "kv=" + Answers.pair(response.getKv()));
            default:
                tell(line.ok());
                election.observe(line.bytes("name"), new Observing(line.id));
                return null;
        }
    }

    /** Without a lease it campaigns in a session of its own. */
    private String campaign(Line line, Election election) throws Exception {
        Session session = line.has("lease") ? null : session(line);
        long lease = session == null ? line.number("lease") : session.lease();
        ByteSequence name = line.bytes("name");
        try {
            var won = await(line, election.campaign(name, lease, line.bytes("value")));
            LeaderKey leader = won.getLeader();
            leaders.put(line.id, leader);
            if (session != null) {
                sessions.put(line.id, session);
            }
            return line.ok(
                    Answers.revision(won),
                    "key=" + Hex.text(leader.getKey()),
                    "create=" + leader.getRevision(),
                    "lease=" + leader.getLease());
        } catch (Exception error) {
            if (session != null) {
                session.close();
            }
            throw error;
        }
    }

    private String misuse(Line line) throws Exception {
        ByteSequence value = ByteSequence.from("value", UTF_8);
        if (line.text("kind").equals("closed")) {
            client(line).close();
            kv(line).put(value, value).get();
        } else {
            kv(line).put(null, value).get();
        }
        return line.ok();
    }

    private final class Observing implements Election.Listener {
        private final long id;

        Observing(long id) {
            this.id = id;
        }

        @Override
        public void onNext(LeaderResponse response) {
            tell(id + " event type=LEADER kv=" + Answers.pair(response.getKv()));
        }

        @Override
        public void onError(Throwable error) {
            tell(id + " end");
        }

        @Override
        public void onCompleted() {
            tell(id + " end");
        }
    }
}
