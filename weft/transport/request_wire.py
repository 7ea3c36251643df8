"""uvicorn's HTTP with what ASGI cannot say: write at once, look at the buffer, cut."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from weft.transport.exchange import EXCHANGE, Exchange
from weft.transport.heads import Head, Heads
from weft.transport.places import Places
from weft.transport.socket_wire import SocketProtocol, shutdown_delay

STREAM = "weft.stream"
"""The ASGI extension by which a response of no end can be told to stop, and can be cut."""
EXTRA_SECONDS = 1.0
"""How long a connection for which there is no place is waited for, to be told so."""
LINGER_SECONDS = 2.0
"""How long the rest of a body is read whose request has been answered already."""
STALL_SECONDS = 30.0
"""How often a client that is slow to read is looked at."""
SLOWEST_BYTES = 15_000
"""What it must have read since then, or else it is cut."""
TRAILERS = 1_000


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
    heads = Heads()
    """What is known of heads, by all connections."""
    unread = b""
    """What has come since the last request was over, if the next began with it."""
    between_requests = True
    idle_since: float | None = None
    """When the last answer went out, by the loop's clock, if nothing has come since."""

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
        if self.between_requests and self._is_idle():
            known = self.heads.find(data)
            if known is not None:
                self._serve(*known)
                return
            self.unread = data
        self.head_bytes += len(data)
        super().data_received(data)
        self.unread = b""
        if not self.in_head:
            if len(self.headers) > TRAILERS:
                self.cut()
        elif self.head_bytes > self.head_limit_bytes:
            self._refuse(b"431 Request Header Fields Too Large")
        elif self.head_timer is None:
            self._time_head()

    def _is_idle(self) -> bool:
        cycle: Any = self.cycle
        return cycle is None or cycle.response_complete

    def _serve(self, head: Head, body: bytes) -> None:
        """Does what the parser's callbacks do together, for a request that need not be parsed."""
        self._unset_keepalive_if_required()
        self._untime_head()
        scope: Any = {
            **head.scope,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "state": self.app_state.copy(),
        }
        complete = asyncio.Event()
        complete.set()
        self.cycle = RequestResponseCycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=complete,
            expect_100_continue=False,
            keep_alive=True,
            on_response=self.on_response_complete,
        )
        self.cycle.body += body
        self.cycle.more_body = False
        scope["extensions"] = {STREAM: self, EXCHANGE: Exchange(self, self.cycle)}
        application: Any = self.app
        self._start_asgi_task(self.cycle, application)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.between_requests = False
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

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.between_requests = True
        data, self.unread = self.unread, b""
        cycle: Any = self.cycle
        if data and cycle is not None and cycle.scope is self.scope and cycle.keep_alive:
            self.heads.learn(data, cycle.scope, bytes(cycle.body))

    def on_response_complete(self) -> None:
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
        else:
            self.server_state.total_requests += 1
            self.flow.resume_reading()
            self._begin_idleness()
        if self.transport.is_closing():
            self._watch_reader()
        elif self.cycle.more_body:
            self.loop.call_later(LINGER_SECONDS, self._close_unless_next, self.cycle)

    def _begin_idleness(self) -> None:
        # One timer for many requests: to set and to cancel one takes longer than to read a head.
        self.idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._time_idleness(self.timeout_keep_alive)

    def _unset_keepalive_if_required(self) -> None:
        self.idle_since = None

    def _time_idleness(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self._close_if_idle)

    def _close_if_idle(self) -> None:
        self.timeout_keep_alive_task = None
        if self.idle_since is None:
            return
        left_seconds = self.idle_since + self.timeout_keep_alive - self.loop.time()
        if left_seconds > 0:
            self._time_idleness(left_seconds)
        else:
            self.timeout_keep_alive_handler()

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
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
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
