"""Calls a second of a synchronous Python client; see benches/sdk/programs.toml. The client is the first argument."""

from __future__ import annotations

import importlib
import resource
import sys
import threading
import time
from collections.abc import Callable

CLIENT, (HOST, PORT), SECONDS = sys.argv[1], sys.argv[2].split(":"), float(sys.argv[3])
begun = time.perf_counter()
etcd3 = importlib.import_module(CLIENT)
print("import_ms", (time.perf_counter() - begun) * 1000)

VALUE = "x" * 256
THREADS = 64
WRITERS = 8


def rate(call: Callable[[int], object]) -> float:
    """One after the other."""
    done, begun = 0, time.perf_counter()
    while time.perf_counter() < begun + SECONDS:
        call(done)
        done += 1
    return done / (time.perf_counter() - begun)


def rate_of_many(threads: int, call: Callable[[int, int], object]) -> float:
    """By many threads at a time."""
    done = [0] * threads
    end = time.perf_counter() + SECONDS

    def work(number: int) -> None:
        while time.perf_counter() < end:
            call(number, done[number])
            done[number] += 1

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    begun = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(done) / (time.perf_counter() - begun)


def watch_rate(client) -> float:
    """Events that a watcher of a prefix sees while others write below it."""
    events, cancel = client.watch_prefix("watched/")
    writers = threading.Thread(
        target=rate_of_many,
        args=(WRITERS, lambda number, at: client.put(f"watched/{number}/{at % 100}", VALUE)),
    )
    writers.start()
    seen, begun = 0, time.perf_counter()
    while time.perf_counter() < begun + SECONDS * 0.9:
        next(events)
        seen += 1
    took = time.perf_counter() - begun
    cancel()
    writers.join()
    return seen / took


def main() -> None:
    client = etcd3.client(host=HOST, port=int(PORT))
    client.put("key", VALUE)
    print("put", rate(lambda at: client.put(f"put/{at % 1000}", VALUE)))
    print("get", rate(lambda at: client.get("key")))
    print("put64", rate_of_many(THREADS, lambda number, at: client.put(f"put64/{number}", VALUE)))
    print("get64", rate_of_many(THREADS, lambda number, at: client.get("key")))
    print("watch", watch_rate(client))
    print("rss_mib", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    client.close()


main()
