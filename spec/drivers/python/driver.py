"""The driver of the behaviour spec for synchronous Python: lines in, calls of `etcdkit`, lines out."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import etcdkit
import protocol
from etcdkit import etcdrpc
from etcdkit.exceptions import RevisionCompactedError
from protocol import Line, Unsupported, ok

#: Calls at a time; a waiting lock occupies one of them.
CALLS_MAX = 64


class Driver:
    def __init__(self) -> None:
        self._objects: dict[int, Any] = {}
        self._owners: dict[int, int] = {}
        self._output = threading.Lock()
        self._verbs: dict[str, Callable[[Line, Any], list[str]]] = {
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
        }

    def tell(self, text: str) -> None:
        with self._output:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def serve(self, line: Line) -> None:
        try:
            self.tell(ok(line, *self._perform(line)))
        except _Answered:
            pass
        except Exception as error:  # noqa: BLE001 - every failure is an answer
            self.tell(protocol.failure(line, error))

    def _perform(self, line: Line) -> list[str]:
        if line.verb == "hello":
            return ["lang=python"]
        if line.verb == "open":
            limit = protocol.seconds(line, "timeout")
            self._objects[line.id] = etcdkit.MultiEndpointEtcd3Client(
                line.text("endpoint").split(","), timeout=limit, **protocol.credentials(line)
            )
            return [f"client={line.id}"]
        client_id = line.number("client")
        client = self._objects[client_id]
        if line.verb == "close":
            self._close(client_id)
            return []
        verb = self._verbs.get(line.verb)
        if verb is None:
            raise Unsupported
        self._owners[line.id] = client_id
        return verb(line, client)

    def _close(self, client_id: int) -> None:
        owned = [call for call, owner in self._owners.items() if owner == client_id]
        for call in owned:
            self._owners.pop(call, None)
            made = self._objects.pop(call, None)
            if callable(made):
                made()
        self._objects.pop(client_id).close()

    # ---- KV ------------------------------------------------------------------------------------

    def _put(self, line: Line, client: Any) -> list[str]:
        if line.has("ignore_value") or line.has("ignore_lease"):
            raise Unsupported
        options = {"lease": line.number("lease"), "prev_kv": line.has("prev")}
        return protocol.put_parts(client.put(line.data("key"), line.data("value"), **options))

    def _get(self, line: Line, client: Any) -> list[str]:
        response = client.get_response(line.data("key"), **protocol.range_options(line))
        return protocol.range_parts(response)

    def _delete(self, line: Line, client: Any) -> list[str]:
        key, previous = line.data("key"), line.has("prev")
        if not line.has("end"):
            response = client.delete(key, prev_kv=previous, return_response=True)
        elif protocol.is_prefix(line) and not previous:
            response = client.delete_prefix(key)
        else:
            delete = client.transactions.delete(key, line.data("end"), previous)
            _, (result,) = client.transaction([], [delete])
            response = result.response_delete_range
        return protocol.delete_parts(response)

    def _compact(self, line: Line, client: Any) -> list[str]:
        client.compact(line.number("rev"), physical=line.has("physical"))
        return ["untold=rev"]

    def _txn(self, line: Line, client: Any) -> list[str]:
        return protocol.transaction_parts(*client.transaction(*protocol.transaction(line)))

    # ---- Leases --------------------------------------------------------------------------------

    def _grant(self, line: Line, client: Any) -> list[str]:
        lease = client.lease(line.number("ttl"), line.number("lease"))
        return [f"lease={lease.id}", f"ttl={lease.ttl}"]

    def _revoke(self, line: Line, client: Any) -> list[str]:
        client.revoke_lease(line.number("lease"))
        return ["untold=rev"]

    def _keep_alive(self, line: Line, client: Any) -> list[str]:
        (response,) = list(client.refresh_lease(line.number("lease")))
        return [f"lease={response.ID}", f"ttl={response.TTL}"]

    def _time_to_live(self, line: Line, client: Any) -> list[str]:
        info = client.get_lease_info(line.number("lease"))
        parts = [f"ttl={info.TTL}", f"granted={info.grantedTTL}"]
        return parts + [f"key={key.hex()}" for key in info.keys]

    # ---- Watch ---------------------------------------------------------------------------------

    def _auth(self, line: Line, client: Any) -> list[str]:
        return protocol.administration_parts(line, protocol.administration(line, client))

    def _watch(self, line: Line, client: Any) -> list[str]:
        options = protocol.watch_options(line, etcdrpc.WatchCreateRequest)
        responses, cancel = client.watch_response(line.data("key"), **options)
        self._objects[line.id] = cancel
        # The answer to the request comes before its events.
        self.tell(ok(line, "untold=rev"))
        pump = threading.Thread(target=self._pump, args=(line.id, responses), daemon=True)
        pump.start()
        raise _Answered

    def _pump(self, call: int, responses: Any) -> None:
        try:
            for batch, response in enumerate(responses):
                for text in protocol.event_lines(call, batch, response):
                    self.tell(text)
            self.tell(f"{call} end")
        except RevisionCompactedError as error:
            self.tell(f"{call} canceled compact={error.compacted_revision}")
        except Exception as error:  # noqa: BLE001 - every failure is an answer
            self.tell(f"{call} end reason={str(error).encode().hex()}")

    def _unwatch(self, line: Line, client: Any) -> list[str]:
        self._objects[line.number("watch")]()
        return []

    # ---- Locks ---------------------------------------------------------------------------------

    def _lock(self, line: Line, client: Any) -> list[str]:
        lock = client.lock(protocol.lock_name(line), ttl=line.number("ttl", 60))
        if not lock.acquire(protocol.seconds(line, "timeout")):
            return ["acquired=0"]
        self._objects[line.id] = lock
        return ["acquired=1", f"rev={lock.revision}", f"token={lock.fencing_token}"]

    def _unlock(self, line: Line, client: Any) -> list[str]:
        self._objects[line.number("lock")].release()
        return []

    # ---- Elections -----------------------------------------------------------------------------

    def _campaign(self, line: Line, client: Any) -> list[str]:
        if line.has("lease"):
            raise Unsupported
        election = client.election(line.data("name").decode(), line.number("ttl", 60))
        election.campaign(line.data("value"))
        self._objects[line.id] = election
        return protocol.leader_parts(election)

    def _proclaim(self, line: Line, client: Any) -> list[str]:
        self._objects[line.number("leader")].proclaim(line.data("value"))
        return ["untold=rev"]

    def _resign(self, line: Line, client: Any) -> list[str]:
        self._objects[line.number("leader")].resign()
        return ["untold=rev"]

    def _leader(self, line: Line, client: Any) -> list[str]:
        return [f"kv={protocol.pair(client.election(line.data('name').decode()).leader())}"]

    def _observe(self, line: Line, client: Any) -> list[str]:
        leaders = client.election(line.data("name").decode()).observe()
        self.tell(ok(line))
        threading.Thread(target=self._pump_leaders, args=(line.id, leaders), daemon=True).start()
        raise _Answered

    def _pump_leaders(self, call: int, leaders: Any) -> None:
        # A closed client ends the stream.
        with contextlib.suppress(Exception):
            for kv in leaders:
                self.tell(f"{call} event type=LEADER kv={protocol.pair(kv)}")

    # ---- Mistakes ------------------------------------------------------------------------------

    def _misuse(self, line: Line, client: Any) -> list[str]:
        if line.text("kind") == "closed":
            client.close()
            client.put("key", "value")
        else:
            client.put(object(), "value")
        return []


class _Answered(Exception):
    """The answer has been told already."""


def main() -> None:
    driver = Driver()

    with ThreadPoolExecutor(CALLS_MAX) as pool:
        for text in sys.stdin:
            pool.submit(driver.serve, Line(text))


if __name__ == "__main__":
    main()
