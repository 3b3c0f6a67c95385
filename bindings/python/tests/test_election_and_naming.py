"""Elections and service discovery."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid

import pytest

import etcdkit
from conftest import PATIENCE
from etcdkit import naming
from etcdkit.exceptions import PreconditionFailedError


def test_one_candidate_leads_and_the_next_follows(etcd):
    name = uuid.uuid4().hex
    first, second, watcher = (etcd.election(name, ttl=10) for _ in range(3))
    with pytest.raises(PreconditionFailedError, match="no leader"):
        watcher.leader()
    first.campaign("A")
    assert watcher.leader().value == b"A"
    with pytest.raises(TimeoutError):
        second.campaign("B", timeout=0.3)
    leaders = watcher.observe()
    assert next(leaders).value == b"A"
    first.proclaim("A2")
    assert next(leaders).value == b"A2"
    thread = threading.Thread(target=second.campaign, args=["B"])
    thread.start()
    token = first.fencing_token
    assert first.resign() is True
    assert first.resign() is False
    thread.join(PATIENCE)
    assert next(leaders).value == b"B"
    leaders.close()
    assert second.fencing_token > token
    with pytest.raises(PreconditionFailedError, match="not leader"):
        first.proclaim("A3")
    assert second.resign()


def test_instances_are_found_while_they_are_registered(etcd, prefix):
    with naming.register(etcd, prefix + "web", "10.0.0.1:80", metadata={"weight": 3}) as first:
        second = naming.register(etcd, prefix + "web", "10.0.0.2:80", ttl=10)
        found = naming.list_endpoints(etcd, prefix + "web")
        assert [(item.addr, item.metadata) for item in found] == [
            ("10.0.0.1:80", {"weight": 3}),
            ("10.0.0.2:80", None),
        ]
        assert json.loads(etcd.get(first.key)[0])["Addr"] == "10.0.0.1:80"
        second.unregister()
        second.unregister()
    assert naming.list_endpoints(etcd, prefix + "web") == []


def test_asyncio_has_both(endpoint, prefix):
    async def work():
        async with etcdkit.aio.client(endpoint=endpoint) as client:
            election = client.election(prefix + "election", ttl=10)
            await election.campaign("A")
            assert (await election.leader()).value == b"A"
            await election.proclaim("B")
            async for leader in election.observe():
                assert leader.value == b"B"
                break
            assert await election.resign()
            made = etcdkit.aio.naming.register(client, prefix + "web", "10.0.0.1:80")
            async with await made:
                (item,) = await etcdkit.aio.naming.list_endpoints(client, prefix + "web")
                assert item.addr == "10.0.0.1:80"

    asyncio.run(asyncio.wait_for(work(), PATIENCE))
