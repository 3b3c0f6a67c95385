"""The published python-etcd3 behind spec/PROTOCOL.md: locks, and the get and put that a counter takes.

It runs in an environment of its own (``cargo xtask peers``) and shows that processes which still use
python-etcd3 and processes which use ours exclude each other.
"""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import etcd3

CALLS_MAX = 16
LOCK_PREFIX = "/locks/"
WAIT_SECONDS = 2


class Driver:
    def __init__(self) -> None:
        self._objects: dict[str, Any] = {}
        self._output = threading.Lock()

    def serve(self, text: str) -> None:
        number, verb, *words = text.split()
        fields = dict(word.partition("=")[::2] for word in words)
        try:
            parts = getattr(self, f"_{verb}")(number, fields)
        except Exception as error:  # noqa: BLE001 - every failure is an answer
            message = f"{type(error).__name__}: {error}".encode().hex()
            parts = f"err code=Driver msg={message}"
        with self._output:
            sys.stdout.write(f"{number} {parts}\n")
            sys.stdout.flush()

    def _hello(self, number: str, fields: dict[str, str]) -> str:
        return f"ok lang=python-etcd3-{etcd3.__version__}"

    def _open(self, number: str, fields: dict[str, str]) -> str:
        address = urlsplit(fields["endpoint"])
        self._objects[number] = etcd3.client(host=address.hostname, port=address.port)
        return f"ok client={number}"

    def _close(self, number: str, fields: dict[str, str]) -> str:
        self._objects.pop(fields["client"]).close()
        return "ok"

    def _get(self, number: str, fields: dict[str, str]) -> str:
        value, meta = self._objects[fields["client"]].get(bytes.fromhex(fields["key"]))
        if value is None:
            return "ok count=0"
        facts = f"{meta.create_revision}:{meta.mod_revision}:{meta.version}:{meta.lease_id}"
        return f"ok count=1 kv={meta.key.hex()}:{value.hex()}:{facts}"

    def _put(self, number: str, fields: dict[str, str]) -> str:
        client = self._objects[fields["client"]]
        client.put(bytes.fromhex(fields["key"]), bytes.fromhex(fields["value"]))
        return "ok"

    def _lock(self, number: str, fields: dict[str, str]) -> str:
        name = bytes.fromhex(fields["name"]).decode().removeprefix(LOCK_PREFIX)
        lock = self._objects[fields["client"]].lock(name, ttl=int(fields.get("ttl", 60)))
        # Its wait sometimes misses that the lock was given back, with the real etcd too: its user tries again.
        if not lock.acquire(timeout=WAIT_SECONDS):
            return "ok acquired=0"
        self._objects[number] = lock
        return "ok acquired=1"

    def _unlock(self, number: str, fields: dict[str, str]) -> str:
        self._objects.pop(fields["lock"]).release()
        return "ok"


def main() -> None:
    driver = Driver()
    with ThreadPoolExecutor(CALLS_MAX) as pool:
        for text in sys.stdin:
            pool.submit(driver.serve, text)


if __name__ == "__main__":
    main()
