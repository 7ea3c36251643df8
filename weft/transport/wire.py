"""uvicorn's protocols with what ASGI cannot say: write at once, look at the buffer, cut."""

import asyncio
import random
from collections.abc import Callable
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from weft.transport.exchange import EXCHANGE, Exchange
from weft.transport.limits import SocketLimits
from weft.transport.messages import CloseCode
from weft.transport.outlet import DIRECT, TOO_SLOW
from weft.transport.places import Places

STREAM = "weft.stream"
"""The ASGI extension by which a response of no end can be told to stop, and can be cut."""
CLOSED_PER_SECOND = 100
"""How fast sockets are closed at a shutdown, at least."""
EXTRA_SECONDS = 1.0
"""How long a connection for which there is no place is waited for, to be told so."""
LINGER_SECONDS = 2.0
"""How long the rest of a body is read whose request has been answered already."""
STALL_SECONDS = 30.0
"""How often a client that is slow to read is looked at."""
SLOWEST_BYTES = 15_000
"""What it must have read since then, or else it is cut."""
TRAILERS = 1_000


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
        transport.writelines((text_header(len(message)), message))
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


class RequestProtocol(HttpToolsProtocol):
    """HTTP by exchanges, whose heads are bounded, and whose responses without an end can be cut.

    uvicorn waits for ever for the head of a request, and takes one of any length; it waits for ever
    for clients that do not read; it reads bodies to the end, whatever was answered.
    """

    places: Places | None = None
    """Where its connections are counted: set for the whole process."""
    leave: Callable[[], None] | None = None
    full: bytes | None = None
    """Why there is no place for it."""
    stall_timer: asyncio.TimerHandle | None = None

    gone: Callable[[], None] | None = None
    head_limit_bytes = 65_536
    head_timeout_seconds = 10.0
    head_bytes = 0
    in_head = True
    head_timer: asyncio.TimerHandle | None = None
    on_shutdown: Callable[[], None] | None = None
    shutdown_spread_seconds = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.places is not None:
            address = self.client[0] if self.client else None
            self.full = self.places.take(address)
            self.leave = partial(self.places.leave, address)
        if self.full is None:
            self._time_head()
        else:
            self.head_timer = self.loop.call_later(EXTRA_SECONDS, self.cut)

    def data_received(self, data: bytes) -> None:
        if self.full is not None:
            self._refuse(self.full)
            return
        self.head_bytes += len(data)
        super().data_received(data)
        if not self.in_head:
            if len(self.headers) > TRAILERS:
                self.cut()
        elif self.head_bytes > self.head_limit_bytes:
            self._refuse(b"431 Request Header Fields Too Large")
        elif self.head_timer is None:
            self._time_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.in_head = True
        self.head_bytes = 0  # what came with the end of the request before is not counted
        scope: Any = self.scope
        scope["extensions"] = {STREAM: self}

    def on_headers_complete(self) -> None:
        before: Any = self.cycle
        self.in_head = False
        self._untime_head()
        super().on_headers_complete()
        if self.cycle is not before:
            scope: Any = self.scope
            scope["extensions"][EXCHANGE] = Exchange(self, self.cycle)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_reader()
        elif self.cycle.more_body:
            self.loop.call_later(LINGER_SECONDS, self._close_unless_next, self.cycle)

    def _close_unless_next(self, answered: object) -> None:
        if self.cycle is answered and not self.in_head:
            self._close()

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        protocol = self.transport.get_protocol()
        assert isinstance(protocol, SocketProtocol)
        protocol.leave, self.leave = self.leave, None

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.stall_timer is not None and not self.transport.is_closing():
            self.stall_timer.cancel()
            self.stall_timer = None

    def _close(self) -> None:
        self.transport.close()
        self._watch_reader()

    def _watch_reader(self) -> None:
        """Cuts the connection as soon as nobody reads what was written."""
        left = self.transport.get_write_buffer_size()
        if left and self.stall_timer is None:
            self.stall_timer = self.loop.call_later(STALL_SECONDS, self._cut_if_stalled, left)

    def _cut_if_stalled(self, before: int) -> None:
        self.stall_timer = None
        if self.transport.get_write_buffer_size() > before - SLOWEST_BYTES:
            self.cut()
        else:
            self._watch_reader()

    def connection_lost(self, exc: Exception | None) -> None:
        self._untime_head()
        super().connection_lost(exc)
        if self.leave is not None:
            self.leave()
        if self.stall_timer is not None:
            self.stall_timer.cancel()
        if self.gone is not None:
            self.gone()

    def _time_head(self) -> None:
        self.head_timer = self.loop.call_later(
            self.head_timeout_seconds, self._refuse, b"408 Request Timeout"
        )

    def _untime_head(self) -> None:
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None

    def _refuse(self, status: bytes) -> None:
        if not self.transport.is_closing():
            head = b"HTTP/1.1 %b\r\nconnection: close\r\ncontent-length: 0\r\n" % status
            again = b"" if self.full is None else b"retry-after: 1\r\n"
            self.transport.write(head + again + b"\r\n")
            self._close()

    def cut(self) -> None:
        """Drops the connection and all that waits to be sent."""
        self.transport.abort()

    def shutdown(self) -> None:
        super().shutdown()
        if self.on_shutdown is not None:
            delay = shutdown_delay(len(self.connections), self.shutdown_spread_seconds)
            self.loop.call_later(delay, self.on_shutdown)
