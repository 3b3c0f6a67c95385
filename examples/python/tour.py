"""The guided tour in Python: the same steps, printing the same lines, in every language.

    python tour.py [ENDPOINT]

Without an endpoint it starts an embedded server. Each line is `step: what was seen`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import etcdkit as etcd3
from etcdkit import naming
from etcdkit.client import Etcd3Client

# Every key the tour writes starts with one of these.
PREFIXES = [
    "/mykey/",
    "/ukey/",
    "/lskey/",
    "/service/",
    "/config/",
    "/leader",
    "/old/",
    "/locks/tour",
    "stock",
    "user1",
    "tour",
]
# Longest wait for anything the tour expects to happen.
PATIENCE_SECONDS = 20.0


def main() -> None:
    if len(sys.argv) > 1:
        tour(sys.argv[1])
        return
    with etcd3.Server() as server:
        tour(server.endpoint)


@dataclass
class Connect:
    """Makes clients of the server that is toured."""

    endpoint: str

    def __call__(self) -> Etcd3Client:
        return etcd3.client(endpoint=self.endpoint)


def tour(endpoint: str) -> None:
    connect = Connect(endpoint)
    client = connect()
    for prefix in PREFIXES:
        client.delete_prefix(prefix)
    for name, step in STEPS.items():
        print(f"{name}: {step(client, connect)}", flush=True)
    for prefix in PREFIXES:
        client.delete_prefix(prefix)
    client.close()


def status(client: Etcd3Client, connect: Connect) -> str:
    leader = client.status().leader
    return f"{len(list(client.members))} member, it leads: {yes(leader is not None)}"


def put(client: Etcd3Client, connect: Connect) -> str:
    pairs = {"/mykey/key1": "123", "/mykey/key2": "456", "/ukey/key1": "abc"}
    for key, value in pairs.items():
        client.put(key, value)
    return " ".join(f"{key}={value}" for key, value in pairs.items())


def get(client: Etcd3Client, connect: Connect) -> str:
    value, meta = client.get("/mykey/key1")
    return f"{meta.key.decode()}={value.decode()}"


def get_prefix(client: Etcd3Client, connect: Connect) -> str:
    return pairs_of(client.get_prefix("/mykey"))


def count(client: Etcd3Client, connect: Connect) -> str:
    return str(client.get_prefix_response("/mykey", count_only=True).count)


def exists(client: Etcd3Client, connect: Connect) -> str:
    def there(key: str) -> str:
        return yes(client.get_response(key, count_only=True).count == 1)

    return f"/mykey/key1 {there('/mykey/key1')}, /mykey/none {there('/mykey/none')}"


def history(client: Etcd3Client, connect: Connect) -> str:
    _, meta = client.get("/mykey/key1")
    previous = client.put("/mykey/key1", "124", prev_kv=True).prev_kv.value
    now, _ = client.get("/mykey/key1")
    then, _ = client.get("/mykey/key1", revision=meta.mod_revision)
    return f"now {now.decode()}, at the older revision {then.decode()}, the put returned {previous.decode()}"


def transaction(client: Etcd3Client, connect: Connect) -> str:
    txn = client.transactions

    def run() -> str:
        succeeded, _ = client.transaction(
            compare=[txn.value("user1") == "bad"],
            success=[txn.delete("user1")],
            failure=[txn.put("user1", "good")],
        )
        return "SUCCESS" if succeeded else "FAILURE"

    client.put("user1", "bad")
    first = run()
    after_first = client.get_response("user1", count_only=True).count
    second = run()
    value, _ = client.get("user1")
    return f"{first}, user1 left: {after_first}; {second}, user1={value.decode()}"


def lease(client: Etcd3Client, connect: Connect) -> str:
    granted = client.lease(120)
    client.put("/lskey/key1", "will be delete", lease=granted)
    info = client.get_lease_info(granted.id)
    kept = granted.refresh()[0].TTL
    keys = b" ".join(info.keys).decode()
    granted.revoke()
    left = client.get_response("/lskey/key1", count_only=True).count
    return f"granted {info.grantedTTL}s, keys {keys}, kept alive for {kept}s, keys left after revoke: {left}"


def lease_expiry(client: Etcd3Client, connect: Connect) -> str:
    key = "/service/worker"
    events, cancel = client.watch(key)
    seen = []
    client.put(key, "first life", lease=client.lease(2))
    for event in events:
        seen.append(describe(event))
        if isinstance(event, etcd3.events.DeleteEvent):
            # The lease expired: grant another and register again.
            client.put(key, "second life", lease=client.lease(60))
        if len(seen) == 3:
            break
    cancel()
    return ", ".join(seen)


def watch_prefix(client: Etcd3Client, connect: Connect) -> str:
    events, cancel = client.watch_prefix("stock")
    client.put("stock1", "10")
    client.put("stock2", "20")
    client.delete("stock1")
    seen = [describe(next(events)) for _ in range(3)]
    cancel()
    return ", ".join(seen)


def watch_history(client: Etcd3Client, connect: Connect) -> str:
    first = client.put("tour-history", "1").header.revision
    client.put("tour-history", "2")
    events, cancel = client.watch("tour-history", start_revision=first)
    seen = [describe(next(events)) for _ in range(2)]
    cancel()
    return ", ".join(seen)


def lock(client: Etcd3Client, connect: Connect) -> str:
    held = client.lock("tour", ttl=60)
    held.acquire()
    other = connect()
    waiting = other.lock("tour", ttl=60)
    refused = not waiting.acquire(timeout=0)
    got: list[bool] = []
    thread = threading.Thread(target=lambda: got.append(waiting.acquire(timeout=PATIENCE_SECONDS)))
    thread.start()
    wait_until(lambda: queue_length(client) == 2)
    held.release()
    thread.join()
    waiting.release()
    other.close()
    return f"refused while held: {yes(refused)}, second gets it on release: {yes(got == [True])}"


def lock_with_etcdctl(client: Etcd3Client, connect: Connect) -> str:
    held = client.lock("tour", ttl=60)
    held.acquire()
    etcdctl = subprocess.Popen(
        [os.environ.get("ETCDKIT", "etcdkit"), "--endpoints", connect.endpoint]
        + ["lock", "/locks/tour", "echo", "mine"],
        stdout=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: queue_length(client) == 2)
    waited = etcdctl.poll() is None
    held.release()
    output, _ = etcdctl.communicate(timeout=PATIENCE_SECONDS)
    return f"etcdctl waited: {yes(waited)}, then said: {output.strip()}"


def leader_by_lease(client: Etcd3Client, connect: Connect) -> str:
    txn = client.transactions

    def claim(name: str, lease: etcd3.Lease) -> str:
        client.transaction(
            compare=[txn.create("/leader") == 0], success=[txn.put("/leader", name, lease)], failure=[]
        )
        return client.get("/leader")[0].decode()

    a, b = client.lease(120), client.lease(120)
    first, second = claim("A", a), claim("B", b)
    a.revoke()
    third = claim("B", b)
    b.revoke()
    return f"A asks: {first}, B asks: {second}, B asks after A's lease ended: {third}"


def leader_by_election(client: Etcd3Client, connect: Connect) -> str:
    other = connect()
    a, b = client.election("tour-election", ttl=60), other.election("tour-election", ttl=60)
    a.campaign("A")
    thread = threading.Thread(target=lambda: b.campaign("B"))
    thread.start()
    wait_until(lambda: client.get_prefix_response("tour-election/", count_only=True).count == 2)
    first = client.election("tour-election").leader().value.decode()
    a.resign()
    thread.join(PATIENCE_SECONDS)
    second = client.election("tour-election").leader().value.decode()
    b.resign()
    other.close()
    return f"{first} leads, then {second}"


def service_discovery(client: Etcd3Client, connect: Connect) -> str:
    def found() -> str:
        return " ".join(sorted(endpoint.addr for endpoint in naming.list_endpoints(client, "/service/web")))

    first = naming.register(client, "/service/web", "10.0.0.1:80", ttl=60)
    second = naming.register(client, "/service/web", "10.0.0.2:80", ttl=60)
    both = found()
    first.unregister()
    one = found()
    second.unregister()
    return f"{both}; after one left: {one}"


def configuration(client: Etcd3Client, connect: Connect) -> str:
    client.put("/config/timeout", "30")
    client.put("/config/retries", "3")
    response = client.get_prefix_response("/config/")
    config = {kv.key.decode().removeprefix("/config/"): kv.value.decode() for kv in response.kvs}
    loaded = " ".join(f"{key}={value}" for key, value in sorted(config.items()))
    events, cancel = client.watch_prefix("/config/", start_revision=response.header.revision + 1)
    client.put("/config/timeout", "60")
    changed = describe(next(events))
    cancel()
    return f"loaded {loaded}; {changed}"


def compaction(client: Etcd3Client, connect: Connect) -> str:
    old = client.put("/old/key", "1").header.revision
    new = client.put("/old/key", "2").header.revision
    client.compact(new)
    try:
        client.get("/old/key", revision=old)
    except etcd3.exceptions.RpcError as error:
        return error.details()
    return "no error"


def delete(client: Etcd3Client, connect: Connect) -> str:
    return f"deleted: {yes(client.delete('/mykey/key1'))}, again: {yes(client.delete('/mykey/key1'))}"


def delete_prefix(client: Etcd3Client, connect: Connect) -> str:
    client.put("/mykey/key1", "123")
    return str(client.delete_prefix("/mykey").deleted)


STEPS = {
    "status": status,
    "put": put,
    "get": get,
    "get a prefix": get_prefix,
    "count": count,
    "exists": exists,
    "history": history,
    "transaction": transaction,
    "lease": lease,
    "lease expiry": lease_expiry,
    "watch a prefix": watch_prefix,
    "watch from a revision": watch_history,
    "lock": lock,
    "lock and etcdctl": lock_with_etcdctl,
    "leader by lease": leader_by_lease,
    "leader by election": leader_by_election,
    "service discovery": service_discovery,
    "configuration": configuration,
    "compaction": compaction,
    "delete a key": delete,
    "delete a prefix": delete_prefix,
}


def yes(condition: bool) -> str:
    return "yes" if condition else "no"


def pairs_of(pairs: Iterator[tuple[bytes, etcd3.client.KVMetadata]]) -> str:
    return " ".join(f"{meta.key.decode()}={value.decode()}" for value, meta in pairs)


def describe(event: etcd3.events.Event) -> str:
    if isinstance(event, etcd3.events.PutEvent):
        return f"PUT {event.key.decode()}={event.value.decode()}"
    return f"DELETE {event.key.decode()}"


def queue_length(client: Etcd3Client) -> int:
    return client.get_prefix_response("/locks/tour/", count_only=True).count


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("what the tour waits for did not happen")
        time.sleep(0.01)


if __name__ == "__main__":
    main()
