"""A program as a user with a strict type checker writes it. Checked by mypy, never run."""

from __future__ import annotations

import etcdkit as etcd3
from etcdkit.exceptions import ConnectionFailedError, RpcError


def sync_program() -> int:
    with etcd3.Server() as server, etcd3.client(endpoint=server.endpoint, timeout=2.0) as client:
        revision: int = client.put("/key", "value", prev_kv=True).header.revision
        value, metadata = client.get("/key")
        if value is not None and metadata is not None:
            text: str = value.decode() + metadata.key.decode()
            print(text)
        for item, about in client.get_prefix("/", sort_order="ascend"):
            print(item.decode(), about.version)
        succeeded, _ = client.transaction(
            compare=[client.transactions.version("/key") > 0],
            success=[client.transactions.put("/key", "next")],
            failure=[],
        )
        with client.lease(10) as lease, client.lock("name", ttl=10) as lock:
            token: int | None = lock.fencing_token
            print(lease.remaining_ttl, token, succeeded)
        events, cancel = client.watch_prefix("/", start_revision=revision)
        for event in events:
            print(event.key, event.value)
            cancel()
        try:
            client.delete("/key")
        except (ConnectionFailedError, RpcError) as error:
            print(error.code(), error.outcome_unknown)
        return revision


async def asyncio_program() -> None:
    async with etcd3.aio.client(host="localhost", port=2379) as client:
        await client.put("/key", b"value")
        value, _ = await client.get("/key")
        print(value)
        pairs = await client.get_prefix("/")
        print([metadata.key for _, metadata in pairs])
        async with client.lease(10) as lease, client.lock("name"):
            print(await lease.remaining_ttl, await lease.keys)
        async with client.watch("/key") as events:
            async for event in events:
                print(event.value)
                break
        print([member.name for member in await client.members])
