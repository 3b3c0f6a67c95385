"""Watches of the sync client.

A watch is pulled: the core holds a bounded number of events for each, and the server holds the rest.
An iterator pulls on the thread that iterates. Callbacks run one after the other on one daemon thread
of the client, which pulls for all of them.

The core resumes a watch after a lost connection without a gap or a repeat; what ends a watch is told
by an exception.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Union

from etcdkit import _process, etcdrpc
from etcdkit._etcdkit import Completions
from etcdkit.events import Event, new_event
from etcdkit.exceptions import ConnectionTimeoutError, RevisionCompactedError, WatchTimedOut

if TYPE_CHECKING:
    from etcdkit._connection import Connection
    from etcdkit._etcdkit import Call, NativeWatch

__all__ = ["Watch", "WatchResponse", "Watcher"]

_LOG = logging.getLogger("etcdkit.watch")

#: How long closing a client waits for its callback thread, in seconds: a callback may be running.
_CALLBACK_THREAD_WAIT = 1.0


class WatchResponse:
    """Events of one or more whole revisions.

    Attributes:
        header: The response header; ``header.revision`` is the revision of the store.
        events: The events, in the order of revisions. Empty for a progress notification.
    """

    def __init__(self, header: etcdrpc.ResponseHeader, events: list[Event]) -> None:
        self.header = header
        self.events = events

    def __repr__(self) -> str:
        return f"WatchResponse(revision={self.header.revision}, events={self.events!r})"


WatchCallback = Callable[[Union[WatchResponse, Exception]], Any]


def to_response(message: etcdrpc.WatchResponse) -> WatchResponse:
    """The response object for a message; raises RevisionCompactedError if it says so."""
    if message.compact_revision > 0:
        raise RevisionCompactedError(message.compact_revision)
    return WatchResponse(message.header, [new_event(event) for event in message.events])


class Watch:
    """One open watch: iterate over it for responses, close it when done.

    One thread may iterate; any thread may close.
    """

    def __init__(self, native: NativeWatch, watch_id: int) -> None:
        self.watch_id = watch_id
        self._native = native

    def start_next(self) -> Call[list[etcdrpc.WatchResponse]]:
        """Starts waiting for the next batch of responses; the result is empty at the end."""
        return self._native.next()

    def first(self, timeout: float | None = None) -> WatchResponse:
        """The first response with events. TimeoutError when ``timeout`` (seconds) is over."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            batch = self._native.next().wait(left)
            if not batch:
                raise ValueError("the watch is closed")
            for message in batch:
                response = to_response(message)
                if response.events:
                    return response

    def __iter__(self) -> Iterator[WatchResponse]:
        while batch := self._native.next().wait():
            for message in batch:
                yield to_response(message)

    def close(self) -> None:
        """Ends the watch, at the server too. May be called more than once."""
        self._native.close()


def open_watch(
    connection: Connection,
    request: etcdrpc.WatchCreateRequest,
    timeout: float | None,
    watch_id: int,
) -> Watch:
    """Opens a watch; returns when the server has created it, WatchTimedOut if it does not."""
    data = request.SerializeToString()
    try:
        native = connection.native.watch(data, etcdrpc.WatchResponse._codec, timeout).wait()
    except ConnectionTimeoutError as error:
        raise WatchTimedOut(error.details()) from error
    return Watch(native, watch_id)


class Watcher:
    """The watches of a client that report to callbacks.

    Safe to use from many threads. Callbacks may call anything, ``cancel`` and ``add_callback`` too.
    An exception in a callback is logged by the logger ``etcdkit.watch``; the watch goes on.
    """

    def __init__(self, connection: Connection, timeout: float | None = None) -> None:
        self._connection = connection
        self._timeout = timeout
        self._lock = threading.Lock()
        self._watches: dict[int, tuple[Watch, WatchCallback]] = {}
        self._pending: dict[int, Call[list[etcdrpc.WatchResponse]]] = {}
        self._completions: Completions | None = None
        self._thread: threading.Thread | None = None
        self._generation = _process.generation
        self._next_id = 0
        self._closed = False

    def new_id(self) -> int:
        """An id for a watch, unique in this client."""
        with self._lock:
            self._next_id += 1
            return self._next_id

    def add_callback(self, request: etcdrpc.WatchCreateRequest, callback: WatchCallback) -> int:
        """Opens a watch whose responses, or final exception, go to ``callback``; returns its id.

        Raises:
            WatchTimedOut: the server did not create the watch in time.
        """
        watch = open_watch(self._connection, request, self._timeout, self.new_id())
        with self._lock:
            if self._closed:
                watch.close()
                raise ValueError("this client is closed")
            self._start_thread()
            self._watches[watch.watch_id] = (watch, callback)
            self._arm(watch)
        return watch.watch_id

    def cancel(self, watch_id: int) -> None:
        """Ends a watch; does nothing for an id that is not open."""
        with self._lock:
            watch, _ = self._watches.pop(watch_id, (None, None))
        if watch is not None:
            watch.close()

    def close(self) -> None:
        """Ends every watch and the callback thread."""
        with self._lock:
            self._closed = True
            watches = [watch for watch, _ in self._watches.values()]
            self._watches.clear()
            thread, completions = self._thread, self._completions
        if self._generation != _process.generation:
            return
        for watch in watches:
            watch.close()
        if completions is not None:
            completions.close()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_CALLBACK_THREAD_WAIT)

    def _start_thread(self) -> None:
        if self._thread is not None and self._generation == _process.generation:
            return
        # A forked child has neither the thread nor the watches of its parent.
        self._generation = _process.generation
        self._watches.clear()
        self._pending.clear()
        self._completions = Completions()
        self._thread = threading.Thread(
            target=self._run, args=(self._completions,), name="etcdkit-watch", daemon=True
        )
        self._thread.start()

    def _arm(self, watch: Watch) -> None:
        assert self._completions is not None
        call = watch.start_next()
        self._pending[watch.watch_id] = call
        call.report_to(self._completions, watch.watch_id)

    def _run(self, completions: Completions) -> None:
        while True:
            try:
                finished = completions.wait()
            except RuntimeError:
                return  # The interpreter ends.
            if finished is None:
                return
            for watch_id in finished:
                self._deliver(watch_id)

    def _deliver(self, watch_id: int) -> None:
        with self._lock:
            call = self._pending.pop(watch_id, None)
            watch, callback = self._watches.get(watch_id, (None, None))
        if call is None or watch is None or callback is None:
            return
        try:
            messages = call.result()
            responses = [to_response(message) for message in messages]
        except Exception as error:
            self._forget(watch_id)
            self._tell(callback, error)
            return
        for response in responses:
            self._tell(callback, response)
        with self._lock:
            if watch_id not in self._watches:
                return
            if messages:
                self._arm(watch)
            else:
                del self._watches[watch_id]

    def _forget(self, watch_id: int) -> None:
        with self._lock:
            watch, _ = self._watches.pop(watch_id, (None, None))
        if watch is not None:
            watch.close()

    def _tell(self, callback: WatchCallback, what: WatchResponse | Exception) -> None:
        try:
            callback(what)
        except Exception:
            _LOG.exception("a watch callback failed")
