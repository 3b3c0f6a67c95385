"""Watches of the asyncio client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar

from etcdkit import etcdrpc
from etcdkit.aio._loop import wait
from etcdkit.events import Event
from etcdkit.exceptions import ConnectionTimeoutError, WatchTimedOut
from etcdkit.watch import WatchResponse, to_response

if TYPE_CHECKING:
    from etcdkit._connection import Connection
    from etcdkit._etcdkit import NativeWatch

__all__ = ["EventWatch", "ResponseWatch"]

Item = TypeVar("Item")


class _Watch(Generic[Item]):
    """A watch: iterate over it, await it to have it open first, or use it as a context manager.

    ``async for`` opens it when needed; ``await`` returns when the server has created it, so that a
    write after it is seen. For one task at a time.
    """

    def __init__(
        self,
        connection: Connection,
        request: etcdrpc.WatchCreateRequest,
        timeout: float | None,
    ) -> None:
        self._connection = connection
        self._request = request
        self._timeout = timeout
        self._native: NativeWatch | None = None
        self._closed = False

    async def _open(self) -> NativeWatch:
        if self._native is None:
            data = self._request.SerializeToString()
            codec = etcdrpc.WatchResponse._codec
            try:
                call = self._connection.native.watch(data, codec, self._timeout)
                native: NativeWatch = await wait(call)
            except ConnectionTimeoutError as error:
                raise WatchTimedOut(error.details()) from error
            self._native = native
        return self._native

    async def _responses(self) -> AsyncIterator[WatchResponse]:
        if self._closed:
            return
        native = await self._open()
        try:
            while batch := await wait(native.next()):
                for message in batch:
                    yield to_response(message)
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Ends the watch, at the server too. May be called more than once."""
        self._closed = True
        if self._native is not None:
            self._native.close()

    async def first(self, timeout: float | None) -> WatchResponse:
        """The first response with events. WatchTimedOut when ``timeout`` (seconds) is over."""
        started = time.monotonic()

        async def read() -> WatchResponse:
            async for response in self._responses():
                if response.events:
                    return response
            raise ValueError("the watch is closed")

        try:
            return await asyncio.wait_for(read(), timeout)
        except asyncio.TimeoutError:
            spent = time.monotonic() - started
            raise WatchTimedOut(f"no event within {spent:.1f} s") from None
        finally:
            self.cancel()

    async def _opened(self) -> _Watch[Item]:
        await self._open()
        return self

    def __await__(self) -> Generator[None, None, _Watch[Item]]:
        return self._opened().__await__()

    async def __aenter__(self) -> _Watch[Item]:
        return await self._opened()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cancel()

    def __aiter__(self) -> AsyncIterator[Item]:
        raise NotImplementedError


class ResponseWatch(_Watch[WatchResponse]):
    """A watch that yields responses: the events of whole revisions."""

    def __aiter__(self) -> AsyncIterator[WatchResponse]:
        return self._responses()


class EventWatch(_Watch[Event]):
    """A watch that yields events."""

    async def _events(self) -> AsyncIterator[Event]:
        async for response in self._responses():
            for event in response.events:
                yield event

    def __aiter__(self) -> AsyncIterator[Event]:
        return self._events()
