"""What opening and closing leaves behind (T-FFI-3), seen from a process where nothing else runs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from conftest import FULL

#: Clients opened and closed, and watches.
CLIENTS, WATCHES = (100_000, 10_000) if FULL else (2_000, 400)
#: What memory may grow by after the warm-up, in KiB: pieces of the allocator's.
GROWTH_KIB = 8 * 1024

PROGRAM = """
import gc, json, os, sys
import etcdkit

def resources():
    gc.collect()
    with open("/proc/self/status") as status:
        kib = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    threads, files = os.listdir("/proc/self/task"), os.listdir("/proc/self/fd")
    return {"kib": kib, "threads": len(threads), "files": len(files)}

def clients(count):
    for index in range(count):
        with etcdkit.client(endpoint=endpoint) as client:
            if index % 10 == 0:
                client.get("key")

def watches(count):
    with etcdkit.client(endpoint=endpoint) as client:
        for _ in range(count):
            events, cancel = client.watch("key")
            client.put("key", "value")
            next(events)
            cancel()

endpoint, client_count, watch_count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
clients(client_count // 4)
watches(watch_count // 4)
before = resources()
clients(client_count)
watches(watch_count)
print(json.dumps([before, resources()]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_clients_and_watches_leave_nothing_behind(endpoint):
    command = [sys.executable, "-c", PROGRAM, endpoint, str(CLIENTS), str(WATCHES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3600)
    assert done.returncode == 0, done.stderr
    before, after = json.loads(done.stdout)
    print(f"{CLIENTS} clients, {WATCHES} watches: {before} before, {after} after")
    assert after["threads"] <= before["threads"] + 2
    assert after["files"] <= before["files"] + 4
    assert after["kib"] <= before["kib"] + GROWTH_KIB
