"""Cancels the work for a client that disconnects before it is answered."""

import asyncio
from types import TracebackType

from starlette.types import Receive

from weft.transport.exchange import Exchange

WATCH_AFTER_SECONDS = 0.05


class ClientGone(Exception):
    """The client closed the connection, so there is nothing to answer."""


class ClientWatch:
    """`with ClientWatch(receive):` cancels its block when the client disconnects.

    The block then raises `ClientGone`. The request's body must have been received before. Without
    an exchange, watching takes a task, which is created only after `WATCH_AFTER_SECONDS`: a quick
    block never pays for it.
    """

    __slots__ = ("_exchange", "_gone", "_receive", "_task", "_timer", "_watcher")

    def __init__(self, receive: Receive, exchange: Exchange | None = None) -> None:
        self._receive = receive
        self._exchange = exchange
        self._gone = False
        self._watcher: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        exchange = self._exchange
        if exchange is not None:
            # With the loop given: finding the running loop is a system call in Python 3.11.
            self._task = asyncio.current_task(exchange.loop)
            exchange.watch(self._leave)
        else:
            loop = asyncio.get_running_loop()
            self._task = asyncio.current_task(loop)
            self._timer = loop.call_later(WATCH_AFTER_SECONDS, self._start)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._exchange is not None:
            self._exchange.unwatch()
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        if self._gone and self._task is not None:
            self._task.uncancel()
            raise ClientGone from None

    def _start(self) -> None:
        self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._leave()

    def _leave(self) -> None:
        self._gone = True
        if self._task is not None:
            self._task.cancel()
