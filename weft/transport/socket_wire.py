"""uvicorn's WebSockets with what ASGI cannot say: write at once, look at the buffer, cut."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from weft.transport.limits import SocketLimits
from weft.transport.messages import CloseCode
from weft.transport.outlet import DIRECT, TOO_SLOW

CLOSED_PER_SECOND = 100
"""How fast sockets are closed at a shutdown, at least."""


def text_header(length: int) -> bytes:
    """The header of an unmasked text frame of one fragment (RFC 6455, 5.2)."""
    if length < 126:
        return bytes((0x81, length))
    if length < 65_536:
        return b"\x81\x7e" + length.to_bytes(2, "big")
    return b"\x81\x7f" + length.to_bytes(8, "big")


def shutdown_delay(connections: int, spread_seconds: float) -> float:
    """When to close one of so many connections, so that their clients return one by one."""
    return random.uniform(0, min(spread_seconds, connections / CLOSED_PER_SECOND))


class SocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket whose messages are written without a task, and which can always be got rid of.

    uvicorn closes a socket when its peer has taken what was written. A peer that takes nothing is
    cut here instead: `transport.abort()` drops the buffer with it.
    """

    limits = SocketLimits()
    abort_timer: asyncio.TimerHandle | None = None
    leave: Callable[[], None] | None = None
    """Gives its connection's place back."""

    def governed_by(self, limits: SocketLimits) -> "SocketProtocol":
        """Itself, as the `Outlet` of the socket."""
        self.limits = limits
        self.close_timeout = limits.grace_seconds
        self.stop_keepalive()
        self.ping_interval = limits.ping_seconds
        self.ping_timeout = limits.ping_seconds
        self.start_keepalive()
        return self

    async def run_asgi(self) -> None:
        scope: Any = self.scope
        scope["extensions"][DIRECT] = self
        try:
            await super().run_asgi()
        finally:
            self.abort_later()

    def write(self, message: bytes) -> None:
        if self.close_sent or self.disconnected or self.conn.state is not State.OPEN:
            return
        transport = self.transport
        # Not `writelines`: before Python 3.12.9 and 3.13.2 asyncio's never pauses the protocol,
        # however much is buffered (CVE-2024-12254).
        transport.write(text_header(len(message)) + message)
        if (
            not self.writable.is_set()
            and transport.get_write_buffer_size() > self.limits.buffer_bytes
        ):
            self.end(CloseCode.TRY_AGAIN_LATER, TOO_SLOW)

    async def drained(self) -> None:
        try:
            async with asyncio.timeout(self.limits.stall_seconds):
                await self.writable.wait()
        except TimeoutError:
            self.end(CloseCode.TRY_AGAIN_LATER, TOO_SLOW)

    def end(self, code: int, reason: str) -> None:
        if self.close_sent or self.disconnected or self.conn.state is not State.OPEN:
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    async def ended(self) -> None:
        """Nothing waits here: the transport has it all."""

    def abort_later(self) -> None:
        """Cuts the connection unless it is gone soon."""
        if not self.disconnected and self.abort_timer is None:
            self.abort_timer = self.loop.call_later(self.limits.grace_seconds, self.transport.abort)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.abort_later()

    def shutdown(self) -> None:
        spread_seconds = self.limits.shutdown_spread_seconds
        delay = shutdown_delay(len(self.connections), spread_seconds)
        self.loop.call_later(delay, self._shut_down)

    def _shut_down(self) -> None:
        if not self.disconnected:
            super().shutdown()
            self.abort_later()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.leave is not None:
            self.leave()
        if self.abort_timer is not None:
            self.abort_timer.cancel()
