"""Watches of the sync client: iterators, callbacks, what ends them."""

from __future__ import annotations

import logging
import queue
import threading
import time

import pytest

import etcdkit
from conftest import PATIENCE
from etcdkit import etcdrpc
from etcdkit.events import DeleteEvent, PutEvent
from etcdkit.exceptions import RevisionCompactedError, WatchTimedOut
from etcdkit.watch import WatchResponse


def test_a_write_right_after_the_watch_is_seen(etcd, prefix):
    events, cancel = etcd.watch(prefix + "key")
    etcd.put(prefix + "key", "1")
    etcd.delete(prefix + "key")
    put, deletion = next(events), next(events)
    assert isinstance(put, PutEvent)
    assert (put.key, put.value, put.version) == ((prefix + "key").encode(), b"1", 1)
    assert isinstance(deletion, DeleteEvent)
    assert deletion.mod_revision > put.mod_revision
    cancel()
    assert list(events) == []


def test_a_prefix_watch_sees_its_prefix_and_nothing_else(etcd, prefix):
    events, cancel = etcd.watch_prefix(prefix + "in/")
    etcd.put(prefix + "out", "0")
    etcd.put(prefix + "in/a", "1")
    etcd.put(prefix + "in/b", "2")
    assert [next(events).value, next(events).value] == [b"1", b"2"]
    cancel()


def test_history_is_delivered_from_the_start_revision(etcd, prefix):
    revisions = [etcd.put(prefix + "key", str(i)).header.revision for i in range(5)]
    events, cancel = etcd.watch(prefix + "key", start_revision=revisions[2])
    assert [next(events).value for _ in range(3)] == [b"2", b"3", b"4"]
    cancel()


def test_events_bring_what_was_before_when_asked(etcd, prefix):
    etcd.put(prefix + "key", "old")
    events, cancel = etcd.watch(prefix + "key", prev_kv=True)
    etcd.put(prefix + "key", "new")
    event = next(events)
    assert (event.value, event.prev_value, event.prev_version) == (b"new", b"old", 1)
    cancel()


def test_filters_leave_events_out(etcd, prefix):
    no_puts = [etcdrpc.WatchCreateRequest.FilterType.Value("NOPUT")]
    events, cancel = etcd.watch(prefix + "key", filters=no_puts)
    etcd.put(prefix + "key", "1")
    etcd.delete(prefix + "key")
    assert isinstance(next(events), DeleteEvent)
    cancel()


def test_responses_hold_whole_revisions(etcd, prefix):
    responses, cancel = etcd.watch_prefix_response(prefix)
    parts = etcd.transactions
    etcd.transaction([], [parts.put(prefix + "a", "1"), parts.put(prefix + "b", "2")])
    response = next(responses)
    assert isinstance(response, WatchResponse)
    assert len({event.mod_revision for event in response.events}) == 1
    assert len(response.events) == 2
    assert response.header.revision >= response.events[0].mod_revision
    cancel()


def test_a_compacted_start_ends_the_watch_with_its_own_exception(etcd, prefix):
    first = etcd.put(prefix + "key", "1").header.revision
    last = etcd.put(prefix + "key", "2").header.revision
    etcd.compact(last)
    events, _ = etcd.watch(prefix + "key", start_revision=first)
    with pytest.raises(RevisionCompactedError) as caught:
        next(events)
    assert caught.value.compacted_revision == last


def test_watch_once_waits_for_one_event(etcd, prefix):
    timer = threading.Timer(0.1, etcd.put, [prefix + "key", "now"])
    timer.start()
    assert etcd.watch_once(prefix + "key", timeout=PATIENCE).value == b"now"
    timer.join()
    timer = threading.Timer(0.1, etcd.put, [prefix + "key", "then"])
    timer.start()
    assert etcd.watch_prefix_once(prefix, timeout=PATIENCE).value == b"then"
    timer.join()


def test_watch_once_gives_up_in_time(etcd, prefix):
    started = time.monotonic()
    with pytest.raises(WatchTimedOut):
        etcd.watch_once(prefix + "key", timeout=0.3)
    assert 0.2 < time.monotonic() - started < PATIENCE / 2


def test_a_watch_that_cannot_be_opened_times_out(silent_endpoint):
    with etcdkit.client(endpoint=silent_endpoint, timeout=0.5) as client:
        with pytest.raises((WatchTimedOut, etcdkit.exceptions.ConnectionFailedError)):
            client.watch("key")


def test_callbacks_get_responses_until_cancelled(etcd, prefix):
    seen: queue.Queue[WatchResponse] = queue.Queue()
    watch_id = etcd.add_watch_callback(prefix + "key", seen.put)
    etcd.put(prefix + "key", "1")
    assert seen.get(timeout=PATIENCE).events[0].value == b"1"
    etcd.cancel_watch(watch_id)
    etcd.cancel_watch(watch_id)
    etcd.put(prefix + "key", "2")
    fence = queue.Queue()
    etcd.add_watch_prefix_callback(prefix, fence.put)
    etcd.put(prefix + "fence", "3")
    fence.get(timeout=PATIENCE)
    assert seen.empty()


def test_callbacks_run_on_a_thread_of_python_one_after_the_other(etcd, prefix):
    threads: set[str] = set()
    running = threading.Lock()
    done = threading.Semaphore(0)

    def callback(response: WatchResponse) -> None:
        assert running.acquire(blocking=False), "two callbacks at once"
        threads.add(threading.current_thread().name)
        etcd.get(prefix)  # A callback may call anything.
        running.release()
        done.release()

    for name in "abc":
        etcd.add_watch_callback(prefix + name, callback)
    for name in "abcabc":
        etcd.put(prefix + name, "1")
    for _ in range(6):
        assert done.acquire(timeout=PATIENCE)
    assert threads == {"etcdkit-watch"}


def test_a_failing_callback_loses_its_event_and_nothing_else(etcd, prefix, caplog):
    seen: queue.Queue[bytes] = queue.Queue()

    def callback(response: WatchResponse) -> None:
        value = response.events[0].value
        if value == b"bad":
            raise RuntimeError("the callback's own")
        seen.put(value)

    with caplog.at_level(logging.ERROR, "etcdkit.watch"):
        etcd.add_watch_callback(prefix + "key", callback)
        etcd.put(prefix + "key", "bad")
        etcd.put(prefix + "key", "good")
        assert seen.get(timeout=PATIENCE) == b"good"
    assert "the callback's own" in caplog.text


def test_a_callback_gets_the_exception_that_ends_its_watch(etcd, prefix):
    first = etcd.put(prefix + "key", "1").header.revision
    etcd.compact(etcd.put(prefix + "key", "2").header.revision)
    seen: queue.Queue[object] = queue.Queue()
    etcd.add_watch_callback(prefix + "key", seen.put, start_revision=first)
    assert isinstance(seen.get(timeout=PATIENCE), RevisionCompactedError)


def test_a_callback_can_cancel_its_own_watch_and_close_its_client(etcd, endpoint, prefix):
    client = etcdkit.client(endpoint=endpoint)
    done = threading.Event()

    def callback(response: WatchResponse) -> None:
        client.cancel_watch(watch_id)
        client.close()
        done.set()

    watch_id = client.add_watch_callback(prefix + "key", callback)
    etcd.put(prefix + "key", "1")
    assert done.wait(PATIENCE)


def test_cancel_from_another_thread_ends_a_waiting_iterator(etcd, prefix):
    events, cancel = etcd.watch(prefix + "key")
    timer = threading.Timer(0.2, cancel)
    timer.start()
    assert list(events) == []
    timer.join()


def test_many_events_arrive_in_order_without_loss(etcd, prefix):
    events, cancel = etcd.watch_prefix(prefix)
    writers = [
        threading.Thread(
            target=lambda writer=writer: [
                etcd.put(f"{prefix}{writer}", str(number)) for number in range(200)
            ]
        )
        for writer in range(4)
    ]
    for writer in writers:
        writer.start()
    seen: dict[bytes, list[int]] = {}
    revisions = []
    for _ in range(800):
        event = next(events)
        seen.setdefault(event.key, []).append(int(event.value))
        revisions.append(event.mod_revision)
    cancel()
    assert all(numbers == list(range(200)) for numbers in seen.values())
    assert revisions == sorted(set(revisions))
