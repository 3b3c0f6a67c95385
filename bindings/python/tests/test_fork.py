"""Forked processes: nothing hangs, clients work on both sides, other objects say what is wrong."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import etcdkit
from conftest import PATIENCE, rounds
from etcdkit.exceptions import ForkedError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def in_child(work) -> None:
    """Runs ``work`` in a forked child, which must end well within PATIENCE."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException as error:  # Everything must reach the parent.
            print(f"in the child: {error!r}", file=sys.stderr)
        finally:
            os._exit(status)
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail("the child hangs")


def test_a_client_made_before_the_fork_works_on_both_sides(etcd, prefix):
    etcd.put(prefix + "parent", "1")

    def work() -> None:
        assert etcd.get(prefix + "parent")[0] == b"1"
        etcd.put(prefix + "child", "2")
        with etcd.lock(prefix + "lock", ttl=5):
            pass

    for _ in range(rounds(5)):
        in_child(work)
        assert etcd.get(prefix + "child")[0] == b"2"


def test_a_client_not_used_before_the_fork_works_in_the_child(endpoint, prefix):
    client = etcdkit.client(endpoint=endpoint)
    in_child(lambda: client.put(prefix + "key", "1"))
    assert client.get(prefix + "key")[0] == b"1"
    client.close()


def test_a_fork_during_calls_of_other_threads_harms_nobody(etcd, prefix):
    stop = threading.Event()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while not stop.is_set():
                etcd.put(prefix + "busy", "x")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(rounds(20)):
            in_child(lambda: etcd.get(prefix + "busy"))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []


def test_what_belongs_to_the_parent_says_so_in_the_child(etcd, prefix):
    events, cancel = etcd.watch(prefix + "key")
    renewal = etcd.lease(5).keepalive()
    lock = etcd.lock(prefix + "lock", ttl=5)
    assert lock.acquire()

    def work() -> None:
        with pytest.raises(ForkedError):
            next(events)
        with pytest.raises(ForkedError):
            _ = renewal.is_alive
        with pytest.raises(ForkedError):
            lock.is_acquired()
        with pytest.raises(ForkedError):
            lock.release()
        cancel()
        renewal.close()

    in_child(work)
    etcd.put(prefix + "key", "1")
    assert next(events).value == b"1"
    assert renewal.is_alive
    assert lock.release()
    cancel()
    renewal.close()


def test_callbacks_of_the_parent_do_not_run_in_the_child(etcd, prefix):
    seen = threading.Semaphore(0)
    etcd.add_watch_callback(prefix + "key", lambda response: seen.release())

    def work() -> None:
        etcd.put(prefix + "key", "child")
        own = threading.Event()
        etcd.add_watch_callback(prefix + "own", lambda response: own.set())
        etcd.put(prefix + "own", "1")
        assert own.wait(PATIENCE / 2)
        assert not seen.acquire(blocking=False)
        etcd.close()

    in_child(work)
    assert seen.acquire(timeout=PATIENCE)


def test_a_server_stays_with_its_process():
    with etcdkit.Server() as server:

        def work() -> None:
            with pytest.raises(ForkedError):
                server.stop()
            with etcdkit.client(endpoint=server.endpoint) as client:
                client.put("key", "from the child")

        in_child(work)
        with etcdkit.client(endpoint=server.endpoint) as client:
            assert client.get("key")[0] == b"from the child"


POOL = """
import multiprocessing, sys
import etcdkit
client = etcdkit.client(endpoint=sys.argv[1])
events, cancel = client.watch("/test/pool")
def work(number):
    client.put(f"/test/pool/{number}", str(number))
    return int(client.get(f"/test/pool/{number}")[0])
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(8) as pool:
        assert pool.map(work, range(100)) == list(range(100))
    client.put("/test/pool", "done")
    assert next(events).value == b"done"
    cancel()
"""


def test_a_pool_of_forked_workers_shares_a_global_client(endpoint):
    for _ in range(rounds(3)):
        subprocess.run([sys.executable, "-c", POOL, endpoint], timeout=PATIENCE, check=True)


def test_spawned_workers_need_nothing_special(endpoint, prefix):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(put_one, (endpoint, prefix + "key"))
    with etcdkit.client(endpoint=endpoint) as client:
        assert client.get(prefix + "key")[0] == b"1"


def put_one(endpoint: str, key: str) -> None:
    with etcdkit.client(endpoint=endpoint) as client:
        client.put(key, "1")
