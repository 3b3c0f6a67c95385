"""The asyncio client: the names of the sync one, awaitable and cancellable."""

from __future__ import annotations

import asyncio
import time
import uuid

import pytest

import etcdkit
from conftest import PATIENCE
from etcdkit.events import DeleteEvent, PutEvent
from etcdkit.exceptions import (
    ConnectionFailedError,
    RevisionCompactedError,
    RpcError,
    WatchTimedOut,
)


@pytest.fixture
def run(endpoint):
    """Runs a coroutine function with a client, on a loop of its own, within PATIENCE."""

    def run(work):
        async def main():
            async with etcdkit.aio.client(endpoint=endpoint) as client:
                return await asyncio.wait_for(work(client), PATIENCE)

        return asyncio.run(main(), debug=True)

    return run


def test_keys_are_written_read_and_deleted(run, prefix):
    async def work(client):
        response = await client.put(prefix + "a", "1")
        await client.put(prefix + "b", "2", prev_kv=True)
        value, metadata = await client.get(prefix + "a")
        assert (value, metadata.mod_revision) == (b"1", response.header.revision)
        assert await client.get(prefix + "none") == (None, None)
        assert [value for value, _ in await client.get_prefix(prefix)] == [b"1", b"2"]
        assert len(await client.get_range(prefix + "a", prefix + "b")) == 1
        assert (await client.get_prefix_response(prefix, count_only=True)).count == 2
        assert await client.put_if_not_exists(prefix + "a", "x") is False
        assert await client.replace(prefix + "a", "1", "x") is True
        assert await client.delete(prefix + "a") is True
        assert (await client.delete_prefix(prefix)).deleted == 1
        assert await client.get_all() is not None
        status = await client.status()
        (member,) = await client.members
        assert status.leader.id == member.id

    run(work)


def test_transactions_and_errors_are_those_of_the_sync_client(run, prefix):
    async def work(client):
        parts = client.transactions
        succeeded, responses = await client.transaction(
            compare=[parts.create(prefix) == 0],
            success=[parts.put(prefix, "1"), parts.get(prefix)],
        )
        assert succeeded and responses[1][0][0] == b"1"
        with pytest.raises(RpcError, match="key is not provided"):
            await client.put("", "x")

    run(work)


def test_an_unreachable_server_is_a_failed_connection(dead_endpoint):
    async def main():
        async with etcdkit.aio.client(endpoint=dead_endpoint, timeout=1) as client:
            with pytest.raises(ConnectionFailedError):
                await client.get("key")

    asyncio.run(main())


def test_many_calls_run_at_once(run, prefix):
    async def work(client):
        await asyncio.gather(*(client.put(f"{prefix}{n}", str(n)) for n in range(500)))
        values = await asyncio.gather(*(client.get(f"{prefix}{n}") for n in range(500)))
        assert [int(value) for value, _ in values] == list(range(500))

    run(work)


def test_a_watch_is_an_async_iterator(run, prefix):
    async def work(client):
        async with client.watch(prefix + "key") as events:
            await client.put(prefix + "key", "1")
            await client.delete(prefix + "key")
            seen = []
            async for event in events:
                seen.append(type(event))
                if len(seen) == 2:
                    break
            assert seen == [PutEvent, DeleteEvent]
        opened = await client.watch_prefix(prefix)
        await client.put(prefix + "other", "2")
        async for event in opened:
            assert event.value == b"2"
            opened.cancel()

    run(work)


def test_a_watch_can_start_in_the_past_without_being_awaited(run, prefix):
    async def work(client):
        first = (await client.put(prefix, "1")).header.revision
        await client.put(prefix, "2")
        async for response in client.watch_response(prefix, start_revision=first):
            assert response.events[0].value == b"1"
            break
        await client.compact((await client.put(prefix, "3")).header.revision)
        with pytest.raises(RevisionCompactedError):
            async for _ in client.watch(prefix, start_revision=first):
                pytest.fail("an event from before the compaction")

    run(work)


def test_watch_once_and_its_timeout(run, prefix):
    async def work(client):
        waiting = asyncio.ensure_future(client.watch_once(prefix, timeout=PATIENCE))
        while not waiting.done():
            await client.put(prefix, "1")
            await asyncio.sleep(0.01)
        assert (await waiting).value == b"1"
        with pytest.raises(WatchTimedOut):
            await client.watch_prefix_once(prefix + "never", timeout=0.2)

    run(work)


def test_callbacks_may_be_functions_or_coroutines(run, prefix):
    async def work(client):
        plain, awaited = asyncio.Queue(), asyncio.Queue()
        first = await client.add_watch_callback(prefix + "key", plain.put_nowait)
        await client.add_watch_prefix_callback(prefix, awaited.put)
        await client.put(prefix + "key", "1")
        assert (await plain.get()).events[0].value == b"1"
        assert (await awaited.get()).events[0].value == b"1"
        await client.cancel_watch(first)
        await client.cancel_watch(first)
        await client.put(prefix + "key", "2")
        assert (await awaited.get()).events[0].value == b"2"
        assert plain.empty()

    run(work)


def test_leases_are_async_context_managers(run, prefix):
    async def work(client):
        async with client.lease(30) as lease:
            await client.put(prefix, "1", lease=lease)
            assert await lease.keys == [prefix.encode()]
            assert 0 < await lease.remaining_ttl <= await lease.granted_ttl == 30
            assert (await lease.refresh())[0].TTL == 30
        assert await client.get(prefix) == (None, None)
        lease = await client.lease(3)
        async with await lease.keepalive() as renewal:
            assert await renewal.wait_lost(timeout=0.1) is None
            await lease.revoke()
            assert await renewal.wait_lost(timeout=PATIENCE)
            assert not renewal.is_alive

    run(work)


def test_locks_are_async_context_managers_and_exclude_sync_ones(run, etcd):
    name = uuid.uuid4().hex

    async def work(client):
        async with client.lock(name, ttl=10) as lock:
            assert await lock.is_acquired()
            assert etcd.lock(name).acquire(timeout=0) is False
            assert await client.lock(name).acquire(timeout=0.2) is False
            assert (await lock.refresh())[0].TTL == 10
        assert etcd.lock(name, ttl=10).acquire(timeout=0) is True
        assert await client.lock(name).release() is False

    run(work)


def test_a_cancelled_task_cancels_its_call_in_the_core(run, etcd):
    name = uuid.uuid4().hex

    async def work(client):
        async with client.lock(name, ttl=30):
            waiting = asyncio.ensure_future(client.lock(name, ttl=30).acquire(timeout=None))
            line = f"/locks/{name}/"
            while len(await client.get_prefix(line)) < 2:
                await asyncio.sleep(0.01)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            # The one who gave up leaves the line, though its lease would live for long.
            while len(await client.get_prefix(line)) > 1:
                await asyncio.sleep(0.01)

    run(work)


def test_a_silent_server_does_not_block_the_loop(silent_endpoint):
    async def main():
        async with etcdkit.aio.client(endpoint=silent_endpoint, timeout=30) as client:
            started = time.monotonic()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.get("key"), 0.3)
            assert time.monotonic() - started < 5

    asyncio.run(main())


def test_a_client_can_outlive_a_loop(endpoint, prefix):
    client = etcdkit.aio.client(endpoint=endpoint)
    asyncio.run(client.put(prefix, "1"))
    value, _ = asyncio.run(client.get(prefix))
    assert value == b"1"
    asyncio.run(client.close())


def test_loops_that_watch_no_sockets_get_a_thread(endpoint, prefix, monkeypatch):
    async def main():
        loop = asyncio.get_running_loop()

        def refuse(*_):
            raise NotImplementedError

        monkeypatch.setattr(loop, "add_reader", refuse)
        async with etcdkit.aio.client(endpoint=endpoint) as client:
            await client.put(prefix, "1")
            assert (await client.get(prefix))[0] == b"1"

    asyncio.run(asyncio.wait_for(main(), PATIENCE))
