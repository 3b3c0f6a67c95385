"""Calls a second of etcdkit.aio; see benches/sdk/programs.toml."""

from __future__ import annotations

import asyncio
import importlib
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

(HOST, PORT), SECONDS = sys.argv[1].split(":"), float(sys.argv[2])
begun = time.perf_counter()
aio = importlib.import_module("etcdkit.aio")
print("import_ms", (time.perf_counter() - begun) * 1000)

VALUE = "x" * 256
TASKS = 64
WRITERS = 8


async def rate(tasks: int, call: Callable[[int, int], Awaitable[object]]) -> float:
    """By so many tasks at a time."""
    done = [0] * tasks
    begun = time.perf_counter()

    async def work(number: int) -> None:
        while time.perf_counter() < begun + SECONDS:
            await call(number, done[number])
            done[number] += 1

    await asyncio.gather(*(work(number) for number in range(tasks)))
    return sum(done) / (time.perf_counter() - begun)


async def watch_rate(client: Any) -> float:
    """Events that a watcher of a prefix sees while others write below it."""
    watch = await client.watch_prefix("watched/")
    writing = asyncio.create_task(
        rate(WRITERS, lambda number, at: client.put(f"watched/{number}/{at % 100}", VALUE))
    )
    seen, begun = 0, time.perf_counter()
    async for _ in watch:
        seen += 1
        if time.perf_counter() > begun + SECONDS * 0.9:
            break
    took = time.perf_counter() - begun
    watch.cancel()
    await writing
    return seen / took


async def main() -> None:
    client = aio.client(host=HOST, port=int(PORT))
    await client.put("key", VALUE)
    print("put", await rate(1, lambda number, at: client.put(f"put/{at % 1000}", VALUE)))
    print("get", await rate(1, lambda number, at: client.get("key")))
    print("put64", await rate(TASKS, lambda number, at: client.put(f"put64/{number}", VALUE)))
    print("get64", await rate(TASKS, lambda number, at: client.get("key")))
    print("watch", await watch_rate(client))
    print("rss_mib", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    await client.close()


asyncio.run(main())
