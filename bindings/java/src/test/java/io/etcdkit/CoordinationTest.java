package io.etcdkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.etcdkit.concurrency.Mutex;
import io.etcdkit.concurrency.Session;
import io.etcdkit.election.CampaignResponse;
import io.etcdkit.election.LeaderResponse;
import io.etcdkit.election.NoLeaderException;
import io.etcdkit.election.NotLeaderException;
import io.etcdkit.lock.LockResponse;
import io.etcdkit.options.MutexOption;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class CoordinationTest extends WithServer {
    private static final Duration TTL = Duration.ofSeconds(60);

    @Test
    void a_mutex_goes_from_owner_to_owner_with_a_growing_token() throws Exception {
        try (Session first = get(client.openSession(TTL));
                Session second = get(client.openSession(TTL))) {
            Mutex.Held held = get(first.mutex(bytes("c/a")).lock());
            assertTrue(get(second.mutex(bytes("c/a")).tryLock()).isEmpty());
            Duration patience = Duration.ofMillis(100);
            assertTrue(get(second.mutex(bytes("c/a")).lock(patience)).isEmpty());
            CompletableFuture<Mutex.Held> waiting = second.mutex(bytes("c/a")).lock();
            assertTrue(get(held.unlock()));
            Mutex.Held next = get(waiting);
            assertTrue(next.fencingToken() > held.fencingToken());
            next.close();
        }
    }

    @Test
    void a_mutex_with_a_plain_key_excludes_clients_that_know_only_that() throws Exception {
        ByteSequence plain = bytes("/locks/c/p");
        MutexOption option = MutexOption.builder().withPlainKey(plain, bytes("me")).build();
        try (Session session = get(client.openSession(TTL))) {
            Mutex mutex = session.mutex(bytes("c/p"), option);
            get(kv.put(plain, bytes("an old client")));
            assertTrue(get(mutex.tryLock()).isEmpty());
            get(kv.delete(plain));
            Mutex.Held held = get(mutex.lock());
            KeyValue pair = get(kv.get(plain)).getKvs().get(0);
            assertEquals("me", text(pair.getValue()));
            assertEquals(session.lease(), pair.getLease());
            held.close();
            assertEquals(0, get(kv.get(plain)).getCount());
        }
    }

    @Test
    void the_owner_is_told_that_its_lease_ended() throws Exception {
        // A session notices at its next renewal, after a third of its time.
        try (Session session = get(client.openSession(Duration.ofSeconds(6)))) {
            Mutex.Held held = get(session.mutex(bytes("c/b")).lock());
            CompletableFuture<Void> lost = held.lost();
            CompletableFuture<Void> done = session.done();
            assertFalse(lost.isDone());
            get(client.getLeaseClient().revoke(session.lease()));
            get(lost);
            get(done);
        }
    }

    @Test
    void the_lock_service_and_a_mutex_exclude_each_other() throws Exception {
        long lease = get(client.getLeaseClient().grant(60)).getID();
        LockResponse locked = get(client.getLockClient().lock(bytes("c/c"), lease));
        try (Session session = get(client.openSession(TTL))) {
            assertTrue(get(session.mutex(bytes("c/c")).tryLock()).isEmpty());
            get(client.getLockClient().unlock(locked.getKey()));
            get(session.mutex(bytes("c/c")).lock()).close();
        }
    }

    @Test
    void cancelling_a_waiting_lock_leaves_the_line() throws Exception {
        long lease = get(client.getLeaseClient().grant(60)).getID();
        long other = get(client.getLeaseClient().grant(60)).getID();
        get(client.getLockClient().lock(bytes("c/d"), lease));
        CompletableFuture<LockResponse> waiting = client.getLockClient().lock(bytes("c/d"), other);
        awaitCount("c/d/", 2);
        assertTrue(waiting.cancel(true));
        awaitCount("c/d/", 1);
    }

    @Test
    void an_election_has_one_leader_and_tells_observers() throws Exception {
        Election election = client.getElectionClient();
        failure(NoLeaderException.class, election.leader(bytes("c/e")));
        BlockingQueue<String> seen = new LinkedBlockingQueue<>();
        election.observe(bytes("c/e"), new Observing(seen));
        long lease = get(client.getLeaseClient().grant(60)).getID();
        CampaignResponse won = get(election.campaign(bytes("c/e"), lease, bytes("one")));
        assertEquals("one", seen.poll(PATIENCE_SECONDS, TimeUnit.SECONDS));
        get(election.proclaim(won.getLeader(), bytes("two")));
        assertEquals("two", seen.poll(PATIENCE_SECONDS, TimeUnit.SECONDS));
        assertEquals("two", text(get(election.leader(bytes("c/e"))).getKv().getValue()));
        get(election.resign(won.getLeader()));
        failure(NotLeaderException.class, election.proclaim(won.getLeader(), bytes("three")));
    }

    private static void awaitCount(String prefix, long count) throws Exception {
        var option = io.etcdkit.options.GetOption.builder().isPrefix(true).build();
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        while (get(kv.get(bytes(prefix), option)).getCount() != count) {
            assertTrue(System.nanoTime() < deadline, "never " + count + " keys in " + prefix);
        }
    }

    private static final class Observing implements Election.Listener {
        private final BlockingQueue<String> seen;

        Observing(BlockingQueue<String> seen) {
            this.seen = seen;
        }

        @Override
        public void onNext(LeaderResponse response) {
            seen.add(text(response.getKv().getValue()));
        }

        @Override
        public void onError(Throwable throwable) {
            seen.add(throwable.toString());
        }

        @Override
        public void onCompleted() {}
    }
}
