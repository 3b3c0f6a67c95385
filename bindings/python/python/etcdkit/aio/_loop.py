"""How a coroutine waits for the core.

Runtime threads never touch the interpreter. They put the number of a finished call into a queue and
wake the loop through a socket it watches; the loop then takes all that has finished. Loops that
cannot watch a socket get a thread that waits in their place.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from typing import TYPE_CHECKING, TypeVar

from etcdkit import _process
from etcdkit._etcdkit import Completions

if TYPE_CHECKING:
    from etcdkit._etcdkit import Call

T = TypeVar("T")

_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Hub] = weakref.WeakKeyDictionary()


class _Hub:
    """The calls one event loop waits for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.generation = _process.generation
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._last_tag = 0
        self._completions = Completions()
        descriptor = self._completions.fileno()
        try:
            if descriptor is None:
                raise NotImplementedError
            loop.add_reader(descriptor, self._drain)
        except NotImplementedError:
            thread = threading.Thread(
                target=_stand_in, args=(loop, self), name="etcdkit-aio", daemon=True
            )
            thread.start()

    async def wait(self, call: Call[T]) -> T:
        tag = self._last_tag = self._last_tag + 1
        future = asyncio.get_running_loop().create_future()
        self._waiting[tag] = future
        call.report_to(self._completions, tag)
        try:
            await future
        except asyncio.CancelledError:
            call.cancel()
            raise
        finally:
            self._waiting.pop(tag, None)
        return call.result()

    def _drain(self) -> None:
        self.settle(self._completions.drain())

    def settle(self, tags: list[int]) -> None:
        for tag in tags:
            future = self._waiting.get(tag)
            if future is not None and not future.done():
                future.set_result(None)

    def take(self) -> list[int] | None:
        """Waits for finished calls on a thread; None at the end."""
        return self._completions.wait()


def _stand_in(loop: asyncio.AbstractEventLoop, hub: _Hub) -> None:
    # RuntimeError: the loop is closed, or the interpreter ends.
    with contextlib.suppress(RuntimeError):
        while (tags := hub.take()) is not None:
            loop.call_soon_threadsafe(hub.settle, tags)


async def wait(call: Call[T]) -> T:
    """The result of a call; cancelling the task cancels the call in the core."""
    loop = asyncio.get_running_loop()
    hub = _hubs.get(loop)
    if hub is None or hub.generation != _process.generation:
        hub = _hubs[loop] = _Hub(loop)
    return await hub.wait(call)
