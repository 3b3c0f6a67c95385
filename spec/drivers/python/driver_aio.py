"""The driver of the behaviour spec for asyncio: lines in, calls of `etcdkit.aio`, lines out."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import protocol
from etcdkit import aio, etcdrpc
from etcdkit.exceptions import RevisionCompactedError
from protocol import Line, Unsupported, ok

#: Longest line from the runner: a value of two megabytes as hex.
LINE_BYTES_MAX = 16 << 20


class Driver:
    def __init__(self) -> None:
        self._objects: dict[int, Any] = {}
        self._owners: dict[int, int] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._verbs: dict[str, Callable[[Line, Any], Awaitable[list[str] | None]]] = {
            "put": self._put,
            "get": self._get,
            "del": self._delete,
            "compact": self._compact,
            "txn": self._txn,
            "grant": self._grant,
            "revoke": self._revoke,
            "keepalive": self._keep_alive,
            "ttl": self._time_to_live,
            "auth": self._auth,
            "watch": self._watch,
            "unwatch": self._unwatch,
            "lock": self._lock,
            "unlock": self._unlock,
            "campaign": self._campaign,
            "proclaim": self._proclaim,
            "resign": self._resign,
            "leader": self._leader,
            "observe": self._observe,
            "misuse": self._misuse,
            "cancel": self._cancel,
        }

    def tell(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def start(self, line: Line) -> None:
        self._tasks[line.id] = asyncio.create_task(self._serve(line))

    async def _serve(self, line: Line) -> None:
        try:
            parts = await self._perform(line)
        except asyncio.CancelledError:
            self.tell(f"{line.id} err code=Cancelled msg=")
        except Exception as error:  # noqa: BLE001 - every failure is an answer
            self.tell(protocol.failure(line, error))
        else:
            if parts is not None:
                self.tell(ok(line, *parts))

    async def _perform(self, line: Line) -> list[str] | None:
        if line.verb == "hello":
            return ["lang=python-aio"]
        if line.verb == "open":
            limit = protocol.seconds(line, "timeout")
            self._objects[line.id] = aio.MultiEndpointEtcd3Client(
                line.text("endpoint").split(","), timeout=limit, **protocol.credentials(line)
            )
            return [f"client={line.id}"]
        client_id = line.number("client")
        client = self._objects[client_id]
        if line.verb == "close":
            await self._close(line.id, client_id)
            return []
        verb = self._verbs.get(line.verb)
        if verb is None:
            raise Unsupported
        self._owners[line.id] = client_id
        return await verb(line, client)

    async def _close(self, closing: int, client_id: int) -> None:
        owned = [call for call, owner in self._owners.items() if owner == client_id]
        for call in owned:
            self._owners.pop(call, None)
            self._objects.pop(call, None)
            task = self._tasks.pop(call, None)
            if task is not None and call != closing:
                task.cancel()
        await self._objects.pop(client_id).close()

    # ---- KV ------------------------------------------------------------------------------------

    async def _put(self, line: Line, client: Any) -> list[str]:
        if line.has("ignore_value") or line.has("ignore_lease"):
            raise Unsupported
        options = {"lease": line.number("lease"), "prev_kv": line.has("prev")}
        return protocol.put_parts(await client.put(line.data("key"), line.data("value"), **options))

    async def _get(self, line: Line, client: Any) -> list[str]:
        response = await client.get_response(line.data("key"), **protocol.range_options(line))
        return protocol.range_parts(response)

    async def _delete(self, line: Line, client: Any) -> list[str]:
        key, previous = line.data("key"), line.has("prev")
        if not line.has("end"):
            response = await client.delete(key, prev_kv=previous, return_response=True)
        elif protocol.is_prefix(line) and not previous:
            response = await client.delete_prefix(key)
        else:
            delete = client.transactions.delete(key, line.data("end"), previous)
            _, (result,) = await client.transaction([], [delete])
            response = result.response_delete_range
        return protocol.delete_parts(response)

    async def _compact(self, line: Line, client: Any) -> list[str]:
        await client.compact(line.number("rev"), physical=line.has("physical"))
        return ["untold=rev"]

    async def _txn(self, line: Line, client: Any) -> list[str]:
        return protocol.transaction_parts(*await client.transaction(*protocol.transaction(line)))

    # ---- Leases --------------------------------------------------------------------------------

    async def _grant(self, line: Line, client: Any) -> list[str]:
        lease = await client.lease(line.number("ttl"), line.number("lease"))
        return [f"lease={lease.id}", f"ttl={lease.ttl}"]

    async def _revoke(self, line: Line, client: Any) -> list[str]:
        await client.revoke_lease(line.number("lease"))
        return ["untold=rev"]

    async def _keep_alive(self, line: Line, client: Any) -> list[str]:
        (response,) = await client.refresh_lease(line.number("lease"))
        return [f"lease={response.ID}", f"ttl={response.TTL}"]

    async def _time_to_live(self, line: Line, client: Any) -> list[str]:
        info = await client.get_lease_info(line.number("lease"))
        parts = [f"ttl={info.TTL}", f"granted={info.grantedTTL}"]
        return parts + [f"key={key.hex()}" for key in info.keys]

    # ---- Watch ---------------------------------------------------------------------------------

    async def _auth(self, line: Line, client: Any) -> list[str]:
        return protocol.administration_parts(line, await protocol.administration(line, client))

    async def _watch(self, line: Line, client: Any) -> None:
        options = protocol.watch_options(line, etcdrpc.WatchCreateRequest)
        watch = await client.watch_response(line.data("key"), **options)
        self._objects[line.id] = watch
        # The answer to the request comes before its events, and this task goes on as the stream.
        self.tell(ok(line, "untold=rev"))
        try:
            batch = 0
            async for response in watch:
                batch += 1
                for text in protocol.event_lines(line.id, batch, response):
                    self.tell(text)
            self.tell(f"{line.id} end")
        except RevisionCompactedError as error:
            self.tell(f"{line.id} canceled compact={error.compacted_revision}")

    async def _unwatch(self, line: Line, client: Any) -> list[str]:
        self._objects[line.number("watch")].cancel()
        return []

    # ---- Locks ---------------------------------------------------------------------------------

    async def _lock(self, line: Line, client: Any) -> list[str]:
        lock = client.lock(protocol.lock_name(line), ttl=line.number("ttl", 60))
        if not await lock.acquire(protocol.seconds(line, "timeout")):
            return ["acquired=0"]
        self._objects[line.id] = lock
        return ["acquired=1", f"rev={lock.revision}", f"token={lock.fencing_token}"]

    async def _unlock(self, line: Line, client: Any) -> list[str]:
        await self._objects[line.number("lock")].release()
        return []

    # ---- Elections -----------------------------------------------------------------------------

    async def _campaign(self, line: Line, client: Any) -> list[str]:
        if line.has("lease"):
            raise Unsupported
        election = client.election(line.data("name").decode(), line.number("ttl", 60))
        await election.campaign(line.data("value"))
        self._objects[line.id] = election
        return protocol.leader_parts(election)

    async def _proclaim(self, line: Line, client: Any) -> list[str]:
        await self._objects[line.number("leader")].proclaim(line.data("value"))
        return ["untold=rev"]

    async def _resign(self, line: Line, client: Any) -> list[str]:
        await self._objects[line.number("leader")].resign()
        return ["untold=rev"]

    async def _leader(self, line: Line, client: Any) -> list[str]:
        return [f"kv={protocol.pair(await client.election(line.data('name').decode()).leader())}"]

    async def _observe(self, line: Line, client: Any) -> None:
        self.tell(ok(line))
        async for kv in client.election(line.data("name").decode()).observe():
            self.tell(f"{line.id} event type=LEADER kv={protocol.pair(kv)}")

    # ---- Mistakes ------------------------------------------------------------------------------

    async def _misuse(self, line: Line, client: Any) -> list[str]:
        if line.text("kind") == "closed":
            await client.close()
            await client.put("key", "value")
        else:
            await client.put(object(), "value")
        return []

    async def _cancel(self, line: Line, client: Any) -> list[str]:
        self._tasks[line.number("call")].cancel()
        return []


async def main() -> None:
    driver = Driver()
    reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while text := await reader.readline():
        driver.start(Line(text.decode()))


if __name__ == "__main__":
    asyncio.run(main())
