"""A program as people write it for the etcd3 package, unchanged but for its import line.

Configuration under a prefix, a service that registers itself with a lease and is found by others, a
watcher of both, and a job that only one process may run.
"""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import threading
import time
from urllib.parse import urlsplit

import etcdkit as etcd3
from etcdkit.events import DeleteEvent, PutEvent

where = urlsplit(sys.argv[1])
client = etcd3.client(host=where.hostname, port=where.port, timeout=5)
status = client.status()
print("connected to etcd", status.version.split(".")[0], "leader:", status.leader is not None)

# Configuration
client.put("/mykey/key1", "123")
client.put("/mykey/key2", "456")
value, metadata = client.get("/mykey/key1")
print(metadata.key.decode(), value.decode())
for value, metadata in client.get_prefix("/mykey/", sort_order="descend"):
    print(metadata.key.decode(), value.decode())
print("missing:", client.get("/mykey/none")[0])

# A transaction
done, _ = client.transaction(
    compare=[client.transactions.value("/mykey/key1") == "123"],
    success=[client.transactions.put("/mykey/key1", "124")],
    failure=[],
)
print("changed:", done, client.get("/mykey/key1")[0].decode())

# A service comes and goes
events = []
gone = threading.Event()

def on_change(response):
    for event in response.events:
        events.append((type(event).__name__, event.key.decode()))
        if isinstance(event, DeleteEvent):
            gone.set()

watch_id = client.add_watch_prefix_callback("/services/", on_change)
lease = client.lease(60)
client.put("/services/web/1", "127.0.0.1:8080", lease)
print("registered, keys of the lease:", [key.decode() for key in lease.keys])
print("refreshed:", lease.refresh()[0].TTL)
print("found:", [value.decode() for value, _ in client.get_prefix("/services/web/")])
lease.revoke()
assert gone.wait(10)
client.cancel_watch(watch_id)
print("seen:", events)

# One process at a time
with client.lock("job", ttl=20) as lock:
    print("locked:", lock.is_acquired(), "second:", client.lock("job").acquire(timeout=0))
print("free again:", client.get(lock.key)[0])

# Old revisions
first = client.put("/mykey/history", "a").header.revision
client.put("/mykey/history", "b")
print("then:", client.get("/mykey/history", revision=first)[0].decode())
iterator, cancel = client.watch("/mykey/history", start_revision=first)
print("history:", next(iterator).value.decode(), next(iterator).value.decode())
cancel()

print("deleted:", client.delete("/mykey/history"), client.delete_prefix("/mykey/").deleted)
client.close()
"""

OUTPUT = """\
connected to etcd 3 leader: True
/mykey/key1 123
/mykey/key2 456
/mykey/key1 123
missing: None
changed: True 124
registered, keys of the lease: ['/services/web/1']
refreshed: 60
found: ['127.0.0.1:8080']
seen: [('PutEvent', '/services/web/1'), ('DeleteEvent', '/services/web/1')]
locked: True second: False
free again: None
then: a
history: a b
deleted: True 2
"""


def test_the_program_prints_what_it_always_printed(endpoint):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", PROGRAM, endpoint],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == OUTPUT, done.stderr
    assert (done.returncode, done.stderr) == (0, "")
