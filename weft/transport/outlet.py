"""The bounded sending side of a socket, which needs no task if the server offers an outlet."""

import asyncio
from collections import deque
from typing import Protocol

from starlette.types import Scope, Send

from weft.transport.limits import SocketLimits
from weft.transport.messages import CloseCode, SocketClosed

DIRECT = "weft.socket"
"""The ASGI extension with which a server offers an `Outlet` of its own."""
TOO_SLOW = "Too slow: reconnect and resume from your last cursor"


class Outlet(Protocol):
    """The sending side of one socket."""

    def write(self, message: bytes) -> None:
        """Queues a text message; closes the socket if over `buffer_bytes` wait to be sent."""
        ...

    async def drained(self) -> None:
        """Waits until little is queued.

        Closes the socket, or raises SocketClosed, if that takes over `stall_seconds`.
        """
        ...

    def end(self, code: int, reason: str) -> None:
        """Closes the socket after the messages written so far; later ones are dropped."""
        ...

    async def ended(self) -> None:
        """After `end`: waits until nothing more can be sent."""
        ...


class AsgiOutlet:
    """An outlet for any ASGI server: a queue, and a task that sends from it while it has any."""

    def __init__(self, send: Send, limits: SocketLimits) -> None:
        self._send = send
        self._limits = limits
        self._queue: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._closing: tuple[int, str] | None = None
        self._drained = asyncio.Event()
        self._drained.set()
        self._task: asyncio.Task[None] | None = None

    def write(self, message: bytes) -> None:
        if self._closing is not None:
            return
        self._queue.append(message)
        self._waiting_bytes += len(message)
        self._drained.clear()
        if self._waiting_bytes > self._limits.buffer_bytes:
            self._queue.clear()
            self.end(CloseCode.TRY_AGAIN_LATER, TOO_SLOW)
        self._go()

    async def drained(self) -> None:
        try:
            async with asyncio.timeout(self._limits.stall_seconds):
                await self._drained.wait()
        except TimeoutError:
            raise SocketClosed(CloseCode.TRY_AGAIN_LATER, TOO_SLOW) from None

    def end(self, code: int, reason: str) -> None:
        if self._closing is None:
            self._closing = (code, reason)
            self._go()

    async def ended(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task], timeout=self._limits.grace_seconds)
            self._task.cancel()

    def _go(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._queue:
                message = self._queue.popleft()
                await self._send({"type": "websocket.send", "text": message.decode()})
                self._waiting_bytes -= len(message)
            if self._closing is not None:
                code, reason = self._closing
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except (OSError, RuntimeError):
            # The client is gone: ASGI specifies OSError, some servers raise RuntimeError.
            self._closing = self._closing or (CloseCode.GOING_AWAY, "")
            self._queue.clear()
        finally:
            self._drained.set()


def outlet_of(scope: Scope, send: Send, limits: SocketLimits) -> Outlet:
    """The server's own outlet if it offers one, else an `AsgiOutlet`."""
    direct = scope.get("extensions", {}).get(DIRECT)
    return AsgiOutlet(send, limits) if direct is None else direct.governed_by(limits)
