"""Locks: they exclude each other, the reference layout, and older etcd3 processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Callable

import pytest

import etcdkit
from conftest import PATIENCE


@pytest.fixture
def name() -> str:
    return f"test-{uuid.uuid4().hex}"


def until(condition: Callable[[], bool]) -> None:
    """Asks the server until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline


def test_a_lock_is_held_by_one_at_a_time(etcd, name):
    first, second = etcd.lock(name, ttl=10), etcd.lock(name, ttl=10)
    assert first.acquire() is True
    assert first.is_acquired() and not second.is_acquired()
    assert second.acquire(timeout=0) is False
    assert second.acquire(timeout=0.3) is False
    assert first.release() is True
    assert not first.is_acquired()
    assert second.acquire(timeout=PATIENCE) is True
    assert second.fencing_token > 0
    assert second.release() is True


def test_releasing_what_is_not_held_says_so(etcd, name):
    lock = etcd.lock(name)
    assert lock.release() is False
    with pytest.raises(ValueError, match="acquire it first"):
        lock.refresh()
    with pytest.raises(ValueError, match="needs a name"):
        etcd.lock("")


def test_a_waiter_gets_the_lock_when_it_is_released(etcd, name):
    order: list[str] = []
    holder, waiter = etcd.lock(name, ttl=10), etcd.lock(name, ttl=10)
    assert holder.acquire()

    def wait() -> None:
        assert waiter.acquire(timeout=PATIENCE)
        order.append("taken")
        waiter.release()

    thread = threading.Thread(target=wait)
    thread.start()
    # The waiter stands in line behind the holder.
    until(lambda: len(list(etcd.get_prefix(f"/locks/{name}/", keys_only=True))) == 2)
    order.append("released")
    holder.release()
    thread.join(PATIENCE)
    assert order == ["released", "taken"]


def test_tokens_grow_from_holder_to_holder(etcd, name):
    tokens = []
    for _ in range(3):
        with etcd.lock(name, ttl=10) as lock:
            tokens.append(lock.fencing_token)
    assert tokens == sorted(set(tokens))


def test_the_v3_layout_takes_the_keys_of_etcdctl_alone(etcd, name):
    with etcd.lock(name, layout="v3"):
        assert [metadata.key for _, metadata in etcd.get_prefix(f"/locks/{name}")] != []
        assert etcd.get(f"/locks/{name}") == (None, None)
        assert etcd.lock(name).acquire(timeout=0) is False
    with pytest.raises(ValueError, match="layout"):
        etcd.lock(name, layout="v2")


def test_a_lock_is_lost_when_nobody_renews_it(etcd, name):
    lock, other = etcd.lock(name, ttl=1), etcd.lock(name, ttl=10)
    assert lock.acquire()
    assert lock.lease.ttl == 1
    assert other.acquire(timeout=PATIENCE)
    assert not lock.is_acquired()
    assert lock.release() is False
    other.release()


def test_a_refresh_renews_it_and_keepalive_does_it_alone(etcd, name):
    kept = etcd.lock(name, ttl=2, keepalive=True)
    assert kept.acquire()
    assert kept.wait_lost(timeout=3.5) is None
    assert kept.is_acquired()
    assert kept.refresh()[0].TTL == 2
    assert etcd.lock(name).acquire(timeout=0) is False
    assert kept.release()


def test_a_holder_is_told_that_it_lost_the_lock(etcd, name):
    lock = etcd.lock(name, ttl=10, keepalive=True)
    assert lock.acquire()
    etcd.revoke_lease(lock.lease.id)
    assert lock.wait_lost(timeout=PATIENCE)
    assert lock.release() is False


def test_an_object_that_is_forgotten_leaves_the_lock_to_its_ttl(etcd, name):
    etcd.lock(name, ttl=10).acquire()
    assert etcd.lock(name).acquire(timeout=0) is False


def test_a_block_that_cannot_have_the_lock_is_not_entered(etcd, name, monkeypatch):
    monkeypatch.setattr("etcdkit.locks.Lock.acquire", lambda self: False)
    with pytest.raises(TimeoutError, match="held by somebody else"):
        with etcd.lock(name):
            pytest.fail("entered")


def test_waiting_with_a_short_ttl_outlives_the_ttl(etcd, name):
    holder, waiter = etcd.lock(name, ttl=60), etcd.lock(name, ttl=3)
    assert holder.acquire()
    result: list[bool] = []
    thread = threading.Thread(target=lambda: result.append(waiter.acquire(timeout=PATIENCE)))
    thread.start()
    until(lambda: len(list(etcd.get_prefix(f"/locks/{name}/"))) == 2)
    # The lease of this key is younger than the waiter's, and nobody renews it.
    etcd.put(f"/clock/{name}", "", lease=etcd.lease(3))
    until(lambda: etcd.get(f"/clock/{name}") == (None, None))
    holder.release()
    thread.join(PATIENCE)
    assert result == [True]
    assert waiter.is_acquired()
    waiter.release()


class OlderClient:
    """A lock as older etcd3 packages take it: one plain key, put if it is not there."""

    def __init__(self, client: etcdkit.Etcd3Client, name: str) -> None:
        self.client, self.key, self.uuid = client, f"/locks/{name}", uuid.uuid1().bytes

    def acquire(self) -> bool:
        parts = self.client.transactions
        self.lease = self.client.lease(10)
        taken, _ = self.client.transaction(
            compare=[parts.create(self.key) == 0],
            success=[parts.put(self.key, self.uuid, lease=self.lease)],
            failure=[parts.get(self.key)],
        )
        return taken

    def release(self) -> bool:
        parts = self.client.transactions
        released, _ = self.client.transaction(
            compare=[parts.value(self.key) == self.uuid],
            success=[parts.delete(self.key)],
            failure=[],
        )
        return released


def test_older_etcd3_processes_and_ours_exclude_each_other(etcd, name):
    older, ours = OlderClient(etcd, name), etcd.lock(name, ttl=10)
    assert older.acquire()
    assert ours.acquire(timeout=0) is False
    assert ours.acquire(timeout=0.3) is False
    threading.Timer(0.3, older.release).start()
    assert ours.acquire(timeout=PATIENCE) is True
    assert etcd.get(ours.key)[0] == ours.uuid
    assert not older.acquire()
    assert ours.release()
    assert older.acquire()
    assert older.release()


def test_the_reference_layout_and_ours_exclude_each_other(etcd, name):
    """What `etcdctl lock /locks/NAME` does: the first key created under `/locks/NAME/` wins."""
    ours = etcd.lock(name, ttl=10)
    lease = etcd.lease(10)
    place = f"/locks/{name}/{lease.id:x}"
    etcd.put(place, "", lease=lease)
    assert ours.acquire(timeout=0) is False
    threading.Timer(0.3, etcd.delete, [place]).start()
    assert ours.acquire(timeout=PATIENCE) is True
    line = list(etcd.get_prefix(f"/locks/{name}/", sort_order="ascend", sort_target="create"))
    assert [metadata.lease_id for _, metadata in line] == [ours.lease.id]
    ours.release()
    assert list(etcd.get_prefix(f"/locks/{name}/")) == []
    assert etcd.get(f"/locks/{name}") == (None, None)


ETCDCTL = os.environ.get("ETCDKIT_TEST_ETCDCTL") or shutil.which("etcdctl")


@pytest.mark.skipif(ETCDCTL is None, reason="needs etcdctl, by path in ETCDKIT_TEST_ETCDCTL")
def test_etcdctl_and_ours_exclude_each_other(etcd, endpoint, name):
    command = [ETCDCTL, "--endpoints", endpoint, "lock", f"/locks/{name}"]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert f"/locks/{name}/" in holder.stdout.readline()
        ours = etcd.lock(name, ttl=10)
        assert ours.acquire(timeout=0.3) is False
        holder.terminate()
        holder.wait(PATIENCE)
        assert ours.acquire(timeout=PATIENCE) is True
        waiting = subprocess.run(
            [*command[:-1], f"/locks/{name}", "true"],
            timeout=1,
            check=False,
            capture_output=True,
        )
        pytest.fail(f"etcdctl got the lock: {waiting}")
    except subprocess.TimeoutExpired:
        assert ours.release()
    finally:
        holder.kill()
        holder.wait()
