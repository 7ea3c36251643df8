"""HTTP/1.1 on one connection: requests are read and answered one after the other."""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import ServerState

from weft.server.connection_scope import ends_of, known_scope, scope_of
from weft.server.head_cache import KnownHead
from weft.server.reader_watch import LINGER_SECONDS, ReaderWatch
from weft.server.refusal import Refusal, RequestRefused
from weft.server.request_cycle import RequestCycle
from weft.server.request_head import RequestHead
from weft.server.request_reader import PIECE_BYTES, RequestReader
from weft.server.shared import Shared, run_apart, shutdown_delay
from weft.server.socket_protocol import SocketProtocol
from weft.server.timers import REFUSED_SECONDS, RequestTimers
from weft.transport.exchange import EXCHANGE, STREAM

TOO_LATE = Refusal(408, "The head of the request did not arrive in time.")


class HttpProtocol(asyncio.Protocol):
    """The protocol that uvicorn creates for each connection.

    Each request is answered before the next one begins. Bytes that cannot be parsed without doubt
    end the connection, after the requests before them are answered.
    """

    def __init__(
        self,
        shared: Shared,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.loop = _loop or asyncio.get_running_loop()
        self.transport: asyncio.Transport
        self.writable = asyncio.Event()
        self.writable.set()
        self.on_shutdown: Callable[[], None] | None = None
        self.shutdown_spread_seconds = 0.0
        self._shared = shared
        self._config = config
        self._state = server_state
        self._app_state = app_state
        self._one_too_many: Refusal | None = None
        self._reader = RequestReader(self, shared.limits.head_bytes)
        self._unread = b""
        self._together = b""
        """The bytes of one read, if they may be one whole request, whose head can be cached."""
        self._reading: RequestCycle | None = None
        """The request whose body is still arriving."""
        self._answering: RequestCycle | None = None
        self._unsent: RequestCycle | None = None
        """`_answering`, if all that is left of it is to be read by the client."""
        self._in_turn: deque[Callable[[], None]] = deque()
        """What follows `_answering`: later requests, or the end of the connection."""
        self._is_over = False
        """If true, no more requests are read."""
        self._socket_head: RequestHead | None = None
        self._is_paused = False
        self._timers = RequestTimers(
            self.loop, shared.limits.keep_alive_seconds, late=self._late, idle=self._end_if_between
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._ends = ends_of(self.transport)
        self.watch = ReaderWatch(self.loop, self.transport, self._shared.unsent, self._ends.address)
        self._state.connections.add(cast(Any, self))
        self._one_too_many = self._shared.connection_limit.take(self._ends.address)
        refused = self._one_too_many is not None
        self._timers.await_head(REFUSED_SECONDS if refused else self._shared.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        self._shared.connection_limit.leave(self._ends.address)
        self.writable.set()
        if self._answering is not None:
            self._answering.disconnect()

    def _leave(self) -> None:
        """Stops reading, timers and watch, and removes the connection from those of the server."""
        self._is_over = True
        self._in_turn.clear()
        self._state.connections.discard(cast(Any, self))
        self._reader.close()
        self.watch.end()
        self._timers.cancel()

    def pause_writing(self) -> None:
        self.writable.clear()
        self.watch.begin()

    def resume_writing(self) -> None:
        self.writable.set()
        if not self.transport.is_closing():
            self.watch.end()
        self._answer_next()

    def _answer_next(self) -> None:
        unsent, self._unsent = self._unsent, None
        if unsent is not None:
            self.answered(unsent)

    def cut(self) -> None:
        """Drops the connection and all bytes that wait to be sent."""
        self.transport.abort()

    def shutdown(self) -> None:
        """Ends the connection: at once, or after the response in progress."""
        self._in_turn.clear()
        if self._answering is not None:
            self._answering.keeps_alive = False
            self._answer_next()
        elif not self._is_over:
            self._end(lingers=not self._reader.is_between)
        if self.on_shutdown is not None:
            delay = shutdown_delay(len(self._state.connections), self.shutdown_spread_seconds)
            self.loop.call_later(delay, self.on_shutdown)

    def default_lines(self) -> bytes:
        """The header lines that every response has."""
        return self._shared.default_lines(self._state.default_headers)

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            if self._socket_head is not None:
                self._unread += data
        elif self._one_too_many is not None:
            self._refuse(self._one_too_many)
        else:
            is_next = self._reader.is_between and self._answering is None and not self._unread
            known = self._shared.heads.find(data) if is_next else None
            if known is not None:
                self._serve_known(*known)
                return
            self._together = data if is_next else b""
            self._unread += data
            self.proceed()
            self._together = b""

    def proceed(self) -> None:
        """Parses the bytes received so far, up to where a request must be answered first."""
        while self._unread and self._may_read():
            piece, self._unread = self._unread[:PIECE_BYTES], self._unread[PIECE_BYTES:]
            try:
                self._reader.feed(piece)
            except RequestRefused as refused:
                self._break(refused.refusal)
        if self.transport.is_closing():
            return
        pauses = bool(self._unread) or self._socket_head is not None
        if pauses and not self._is_paused:
            self.transport.pause_reading()
        elif self._is_paused and not pauses:
            self.transport.resume_reading()
        self._is_paused = pauses
        if self._reader.is_in_head and self._answering is None:
            self._await_next()

    def _may_read(self) -> bool:
        if self._is_over or self._in_turn:
            return False
        answering = self._answering
        return answering is None or (self._reading is answering and not answering.has_much)

    def request_began(self, head: RequestHead, *, keeps_alive: bool) -> None:
        """As in `Requests`, like the next three methods."""
        scope = scope_of("http", head, self._ends, self._app_state)
        cycle = RequestCycle(
            self, scope, keeps_alive=keeps_alive, expects_continue=head.expects_continue
        )
        self._reading = cycle
        self._when_answered(partial(self._start, cycle))

    def request_body(self, piece: bytes) -> None:
        assert self._reading is not None
        self._reading.feed(piece)

    def request_ended(self, *, keeps_alive: bool) -> None:
        cycle, self._reading = self._reading, None
        assert cycle is not None
        cycle.keeps_alive = cycle.keeps_alive and keeps_alive
        together, self._together = self._together, b""
        if together and cycle.keeps_alive:
            heads = self._shared.heads
            cycle.when_served = heads.learn(together, cycle.scope, cycle.body_so_far)
        cycle.end_body()
        if cycle.is_complete and cycle is not self._answering:
            self._timers.end()
            self._go_on(cycle)

    def socket_asked(self, head: RequestHead, rest: bytes) -> None:
        self._timers.end()
        self._is_over = True
        self._socket_head = head
        self._unread = rest + self._unread
        self._when_answered(self._open_socket)

    def _when_answered(self, action: Callable[[], None]) -> None:
        if self._answering is None:
            action()
        else:
            self._in_turn.append(action)

    def _start(self, cycle: RequestCycle) -> None:
        self._answering = cycle
        self._timers.end()
        cycle.scope["extensions"] = {STREAM: self, EXCHANGE: cycle}
        run_apart(cycle.run(cast(ASGIApp, self._config.loaded_app)), self.loop, self._state.tasks)

    def _serve_known(self, head: KnownHead, body: bytes) -> None:
        scope = known_scope(head.scope, self._ends, self._app_state)
        self._start(RequestCycle(self, scope, keeps_alive=True, body=body))

    def answered(self, cycle: RequestCycle) -> None:
        """Goes on after the response to this request, once the client has read most of it."""
        if cycle.keeps_alive and not self.writable.is_set():
            self._unsent = cycle
            return
        self._answering = None
        self._state.total_requests += 1
        if cycle is self._reading and cycle.keeps_alive:
            self._timers.await_head(LINGER_SECONDS)  # here, the limit for the rest of the body
        else:
            self._go_on(cycle)
        if self._unread or self._is_paused:
            self.proceed()

    def _go_on(self, cycle: RequestCycle) -> None:
        """After this request: begins the next one, or closes the connection."""
        if not cycle.keeps_alive:
            self._end(lingers=True)
        elif self._in_turn:
            self._in_turn.popleft()()
        else:
            self._await_next()

    def _break(self, refusal: Refusal) -> None:
        """Refuses the request that cannot be parsed further, and ends the connection."""
        self._is_over = True
        self._unread = b""
        broken, self._reading = self._reading, None
        if broken is not None and broken.is_complete:
            self._end(lingers=True)
            return
        if broken is not None and broken is self._answering:
            broken.disconnect()
            self._answering = None
            if broken.is_started:
                self.cut()
                return
        elif broken is not None and self._in_turn:
            self._in_turn.pop()
        self._when_answered(partial(self._refuse, refusal))

    def _refuse(self, refusal: Refusal) -> None:
        if not self.transport.is_closing():
            self.transport.write(refusal.answer(self.default_lines()))
            self._end(lingers=True)

    def _end(self, *, lingers: bool = False) -> None:
        """Closes the connection once all bytes are sent."""
        self._is_over = True
        self._unsent = None
        self._unread = b""
        self._timers.end()
        self.watch.close(lingers=lingers)

    def _open_socket(self) -> None:
        head = self._socket_head
        assert head is not None
        self._leave()
        scope = scope_of("websocket", head, self._ends, self._app_state)
        socket = SocketProtocol(self._shared, self._config, self._state, self.transport, scope)
        self.transport.set_protocol(socket)
        socket.open(head, self._unread, self.writable)

    def _await_next(self) -> None:
        if self._reader.is_between:
            self._timers.await_request()
        else:
            self._timers.await_head(self._shared.limits.head_seconds)

    def _late(self) -> None:
        self._end_if_between()  # a client that has begun no request gets no response
        if not self._is_over:
            self._break(TOO_LATE)

    def _end_if_between(self) -> None:
        if self._reader.is_between:
            self._end()
