package io.etcdkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.etcdkit.common.exception.CompactedException;
import io.etcdkit.options.WatchOption;
import io.etcdkit.watch.WatchEvent;
import io.etcdkit.watch.WatchResponse;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class WatchTest extends WithServer {
    @Test
    void a_change_after_watch_returned_is_seen() throws Exception {
        Events events = new Events();
        try (Watch.Watcher watcher = watch("w/a", WatchOption.DEFAULT, events)) {
            put("w/a", "1");
            get(kv.delete(bytes("w/a")));
            assertEquals("1", text(events.next().getKeyValue().getValue()));
            assertEquals(WatchEvent.EventType.DELETE, events.next().getEventType());
        }
    }

    @Test
    void history_comes_first_with_the_pairs_before() throws Exception {
        long first = put("w/b", "1");
        put("w/b", "2");
        Events events = new Events();
        WatchOption option = WatchOption.builder().withRevision(first).withPrevKV(true).build();
        try (Watch.Watcher watcher = watch("w/b", option, events)) {
            events.next();
            WatchEvent second = events.next();
            assertEquals("2", text(second.getKeyValue().getValue()));
            assertEquals("1", text(second.getPrevKV().getValue()));
        }
    }

    @Test
    void a_compacted_history_is_an_error_that_names_the_revision() throws Exception {
        put("w/c", "1");
        long last = put("w/c", "2");
        get(kv.compact(last));
        Events events = new Events();
        WatchOption option = WatchOption.builder().withRevision(1).build();
        try (Watch.Watcher watcher = watch("w/c", option, events)) {
            Throwable error = events.errors.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
            CompactedException compacted = assertInstanceOf(CompactedException.class, error);
            assertEquals(last, compacted.getCompactedRevision());
            assertTrue(events.completed.await(PATIENCE_SECONDS, TimeUnit.SECONDS));
            assertTrue(watcher.isClosed());
        }
    }

    @Test
    void closing_completes_the_listener_once() throws Exception {
        Events events = new Events();
        Watch.Watcher watcher = watch("w/d", WatchOption.DEFAULT, events);
        watcher.close();
        watcher.close();
        assertTrue(events.completed.await(PATIENCE_SECONDS, TimeUnit.SECONDS));
        assertTrue(events.errors.isEmpty());
    }

    @Test
    void closing_the_client_completes_its_watches() throws Exception {
        Events events = new Events();
        Client other = connect();
        other.getWatchClient().watch(bytes("w/e"), events);
        other.close();
        assertTrue(events.completed.await(PATIENCE_SECONDS, TimeUnit.SECONDS));
    }

    @Test
    void creation_and_progress_are_told_when_asked() throws Exception {
        BlockingQueue<WatchResponse> responses = new LinkedBlockingQueue<>();
        WatchOption option = WatchOption.builder().withCreateNotify(true).build();
        try (Watch.Watcher watcher =
                client.getWatchClient().watch(bytes("w/f"), option, responses::add)) {
            assertTrue(responses.poll(PATIENCE_SECONDS, TimeUnit.SECONDS).isCreatedNotify());
            watcher.requestProgress();
            assertTrue(responses.poll(PATIENCE_SECONDS, TimeUnit.SECONDS).isProgressNotify());
        }
    }

    @Test
    void a_listener_may_make_calls_and_close_its_watch() throws Exception {
        CountDownLatch closed = new CountDownLatch(1);
        Watch.Watcher[] watcher = new Watch.Watcher[1];
        CountDownLatch assigned = new CountDownLatch(1);
        watcher[0] =
                client.getWatchClient()
                        .watch(
                                bytes("w/g"),
                                response -> {
                                    try {
                                        assigned.await();
                                        put("w/other", "from the listener");
                                        watcher[0].close();
                                    } catch (Exception error) {
                                        throw new IllegalStateException(error);
                                    }
                                },
                                closed::countDown);
        assigned.countDown();
        put("w/g", "1");
        assertTrue(closed.await(PATIENCE_SECONDS, TimeUnit.SECONDS));
        assertEquals(1, get(kv.get(bytes("w/other"))).getCount());
    }

    @Test
    void a_listener_that_blocks_holds_up_nobody_else() throws Exception {
        CountDownLatch release = new CountDownLatch(1);
        Watch.Watcher slow =
                client.getWatchClient()
                        .watch(bytes("w/h"), response -> awaitUninterruptibly(release));
        Events events = new Events();
        try (Watch.Watcher fast = watch("w/h", WatchOption.DEFAULT, events)) {
            for (int value = 0; value < 100; value++) {
                put("w/h", String.valueOf(value));
            }
            for (int value = 0; value < 100; value++) {
                assertEquals(String.valueOf(value), text(events.next().getKeyValue().getValue()));
            }
        } finally {
            release.countDown();
            slow.close();
        }
    }

    private static void awaitUninterruptibly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    private static Watch.Watcher watch(String key, WatchOption option, Events events) {
        return client.getWatchClient().watch(bytes(key), option, events);
    }

    /** Collects what a watch tells. */
    private static final class Events implements Watch.Listener {
        final BlockingQueue<WatchEvent> events = new LinkedBlockingQueue<>();
        final BlockingQueue<Throwable> errors = new LinkedBlockingQueue<>();
        final CountDownLatch completed = new CountDownLatch(1);

        WatchEvent next() throws InterruptedException {
            return events.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
        }

        @Override
        public void onNext(WatchResponse response) {
            events.addAll(response.getEvents());
        }

        @Override
        public void onError(Throwable throwable) {
            errors.add(throwable);
        }

        @Override
        public void onCompleted() {
            completed.countDown();
        }
    }
}
