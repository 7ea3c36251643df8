"""A WebSocket on one connection, as ASGI's `receive` and `send` and as an `Outlet`."""

import asyncio
from functools import partial
from typing import Any, cast

import structlog
from starlette.types import ASGIApp, Message
from uvicorn.config import Config
from uvicorn.server import ServerState

from weft.server.answer_head import Header, header_lines, status_line
from weft.server.handshake import Handshake
from weft.server.inbox import Inbox
from weft.server.keep_alive_pings import KeepAlivePings
from weft.server.message_reader import MessageReader, SocketFailed, text_header
from weft.server.reader_watch import ReaderWatch
from weft.server.refusal import Refusal
from weft.server.request_head import RequestHead
from weft.server.shared import Shared, run_apart, shutdown_delay
from weft.transport.limits import SocketLimits
from weft.transport.messages import CloseCode
from weft.transport.outlet import DIRECT, TOO_SLOW

PIECE_BYTES = 4_096
"""Bytes that are parsed before other connections are served."""
HIGH_WATER_BYTES = 65_536

log = structlog.get_logger(__name__)


class SocketProtocol(asyncio.Protocol):
    """Serves a connection from the handshake of its WebSocket on.

    The application gets one message in each iteration of the event loop, so that a client that
    sends many at once does not delay others. A peer that does not read is disconnected.
    """

    def __init__(
        self,
        shared: Shared,
        config: Config,
        server_state: ServerState,
        transport: asyncio.Transport,
        scope: dict[str, Any],
    ) -> None:
        self.transport = transport
        self.loop = asyncio.get_running_loop()
        self.limits = SocketLimits()
        self._shared = shared
        self._config = config
        self._state = server_state
        self._scope = scope
        self._address = scope["client"][0] if scope["client"] else None
        self._reader = MessageReader(
            self, shared.limits.socket_message_bytes, shared.limits.socket_fragments
        )
        self._unread = b""
        self._is_scheduled = False
        self._is_paused = True
        self._inbox = Inbox(self._read_later)
        self._writable: asyncio.Event
        self._watch = ReaderWatch(self.loop, transport, shared.unsent, self._address)
        self._handshake: Handshake | None = None
        """The handshake, until it is answered."""
        self._rejection: tuple[int, list[Header]] | None = None
        self._is_accepted = False
        self._is_refused = False
        self._is_lost = False
        self._pings = KeepAlivePings(self.loop, self._ping, partial(self.end, 1011, "No pong came"))
        self._abort_timer: asyncio.TimerHandle | None = None

    def open(self, head: RequestHead, unread: bytes, writable: asyncio.Event) -> None:
        """Starts with the handshake. `unread` came after it; `writable` is the connection's."""
        self._writable = writable
        self._watch.begin()  # an earlier response may still wait to be sent
        self._state.connections.add(cast(Any, self))
        handshake = Handshake(head)
        if handshake.refusal is not None:
            self._write_refusal(handshake.refusal)
            return
        self._unread = unread
        self._handshake = handshake
        self._scope["subprotocols"] = handshake.subprotocols
        self._scope["extensions"] = {"websocket.http.response": {}, DIRECT: self}
        run_apart(self._run(), self.loop, self._state.tasks)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._watch.end()
        self._pings.end()
        if self._abort_timer is not None:
            self._abort_timer.cancel()
        self._state.connections.discard(cast(Any, self))
        self._shared.connection_limit.leave(self._address)
        self._inbox.close(1005 if self._is_accepted else 1006, "")
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()
        self._watch.end()

    def shutdown(self) -> None:
        """Closes the socket after a random delay; its client reconnects to another process."""
        spread_seconds = self.limits.shutdown_spread_seconds
        delay = shutdown_delay(len(self._state.connections), spread_seconds)
        self.loop.call_later(delay, self._shut_down)

    def _shut_down(self) -> None:
        if self._is_accepted:
            self.end(CloseCode.SERVICE_RESTART, "")
        elif self._handshake is not None:
            self._write_refusal(Refusal(503, "The server stops.", "OVERLOADED"))

    def data_received(self, data: bytes) -> None:
        self._unread += data
        if not self._is_scheduled:
            self._read_on()

    def _read_on(self) -> None:
        """Parses one piece; the rest follows in later iterations of the loop."""
        self._is_scheduled = False
        if self._is_refused:
            self._unread = b""
        if self._is_lost or not self._is_accepted:
            return
        if self._unread and self._inbox.is_empty:
            piece, self._unread = self._unread[:PIECE_BYTES], self._unread[PIECE_BYTES:]
            try:
                self._reader.feed(piece)
            except SocketFailed as failed:
                self._inbox.close(failed.code, failed.reason)
                self._abort_later()
            self._flush()
            if self._unread and self._inbox.is_empty:
                self._read_later()
        pauses = len(self._unread) > HIGH_WATER_BYTES
        if pauses != self._is_paused and not self.transport.is_closing():
            self._is_paused = pauses
            (self.transport.pause_reading if pauses else self.transport.resume_reading)()

    def _read_later(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self.loop.call_soon(self._read_on)

    def message_came(self, message: str | bytes) -> None:
        """As in `Messages`, like the next two methods."""
        self._inbox.put(message)

    def pong_came(self, payload: bytes) -> None:
        self._pings.answered(payload)

    def close_came(self, code: int, reason: str) -> None:
        self._inbox.close(code, reason)
        self._flush()
        self.transport.close()
        self._abort_later()

    async def send(self, message: Message) -> None:
        """The `send` of ASGI. Raises OSError once the socket is closed."""
        await self._writable.wait()
        kind = message["type"]
        if self._is_lost or (self._is_accepted and not self._reader.is_open):
            raise OSError("The socket is closed.")
        if self._handshake is not None:
            self._answer_handshake(kind, message, self._handshake)
        elif self._rejection is not None and kind == "websocket.http.response.body":
            self._reject(*self._rejection, message.get("body", b""))
        elif kind == "websocket.send":
            text = message.get("text")
            self._reader.send(message["bytes"] if text is None else text)
            self._flush()
        elif kind == "websocket.close":
            self.end(message.get("code", 1000), message.get("reason") or "")
        else:
            raise RuntimeError(f"{kind} is not expected here.")

    def _answer_handshake(self, kind: str, message: Message, handshake: Handshake) -> None:
        headers: list[Header] = list(message.get("headers", ()))
        if kind == "websocket.accept":
            answer = handshake.accept(self._default_lines(), headers, message.get("subprotocol"))
            self._handshake = None
            self._is_accepted = True
            self.transport.write(answer)
            self._pings.begin(self.limits.ping_seconds)
            self._read_on()
        elif kind == "websocket.close":
            self._write_refusal(Refusal(403, "The socket was refused.", "FORBIDDEN"))
        elif kind == "websocket.http.response.start":
            self._handshake = None
            self._rejection = message["status"], headers
        else:
            raise RuntimeError(f"{kind} is not expected before the socket is accepted.")

    def _reject(self, status: int, headers: list[Header], body: bytes) -> None:
        """Answers the handshake with an HTTP response, whose body is in one piece."""
        self._rejection = None
        lines = header_lines(headers) + b"content-length: %d\r\n" % len(body)
        first = status_line(status) + self._default_lines() + b"connection: close\r\n"
        self._end_http(first + lines + b"\r\n" + body)

    def _write_refusal(self, refusal: Refusal) -> None:
        self._handshake = self._rejection = None
        self._end_http(refusal.answer(self._default_lines()))

    def _end_http(self, answer: bytes) -> None:
        self._inbox.close(1006, "")
        if self.transport.is_closing():
            return
        self._is_refused = True
        self.transport.write(answer)
        # Bytes of the client are read and dropped, or else it might lose the response.
        self.transport.resume_reading()
        (self.transport.write_eof if self.transport.can_write_eof() else self.transport.close)()
        self._abort_later()

    def _default_lines(self) -> bytes:
        return self._shared.default_lines(self._state.default_headers)

    def _flush(self) -> None:
        data = self._reader.outgoing()
        if data and not self.transport.is_closing():
            self.transport.write(data)
            self._cut_if_slow()

    def _cut_if_slow(self) -> None:
        if self.transport.get_write_buffer_size() > self.limits.buffer_bytes:
            self.end(CloseCode.TRY_AGAIN_LATER, TOO_SLOW)

    def _ping(self, payload: bytes) -> None:
        if self._reader.is_open:
            self._reader.ping(payload)
            self._flush()

    def governed_by(self, limits: SocketLimits) -> "SocketProtocol":
        """Applies the limits; returns itself as the socket's `Outlet`."""
        self.limits = limits
        self._pings.begin(limits.ping_seconds)
        return self

    def write(self, message: bytes) -> None:
        """As `Outlet.write`."""
        if self._is_lost or not self._reader.is_open:
            return
        # Not `writelines`: before Python 3.12.9 and 3.13.2 asyncio's never pauses the protocol,
        # however much is buffered (CVE-2024-12254).
        self.transport.write(text_header(len(message)) + message)
        self._cut_if_slow()

    async def drained(self) -> None:
        """As `Outlet.drained`."""
        try:
            async with asyncio.timeout(self.limits.stall_seconds):
                await self._writable.wait()
        except TimeoutError:
            self.end(CloseCode.TRY_AGAIN_LATER, TOO_SLOW)

    def end(self, code: int, reason: str) -> None:
        """As `Outlet.end`."""
        if self._is_lost or not self._reader.is_open:
            return
        self._pings.end()
        self._inbox.close(code, reason, drops=True)
        self._reader.close(code, reason)
        self._flush()
        self._read_on()
        self._abort_later()

    async def ended(self) -> None:
        """As `Outlet.ended`. Returns at once: the transport holds all bytes that wait."""

    def _abort_later(self) -> None:
        """Aborts the connection unless it ends within `grace_seconds`."""
        if not self._is_lost and self._abort_timer is None:
            self._abort_timer = self.loop.call_later(
                self.limits.grace_seconds, self.transport.abort
            )

    async def _run(self) -> None:
        code = 1000
        try:
            application = cast(ASGIApp, self._config.loaded_app)
            await application(self._scope, self._inbox.take, self.send)
        except Exception as error:
            if not (self._is_lost and isinstance(error, OSError)):
                log.exception("application_failed")
            code = CloseCode.INTERNAL_SERVER_ERROR
        finally:
            del self._scope["extensions"]  # they refer to this socket: breaks the reference cycle
            if self._handshake is not None or self._rejection is not None:
                self._write_refusal(Refusal(500, "Internal server error", "INTERNAL_SERVER_ERROR"))
            elif self._is_accepted:
                self.end(code, "")
            self._abort_later()
