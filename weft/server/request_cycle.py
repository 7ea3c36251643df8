"""One HTTP request and its response, as ASGI's `receive` and `send` and as an `Exchange`."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from starlette.types import ASGIApp, Message

from weft.server.answer_head import Header, header_lines, status_line

HIGH_WATER_BYTES = 65_536
"""Above this, reading pauses until the application has received the waiting part of the body."""
FIRST_REFUSAL = 400
"""The lowest status of a request that was not served."""
BODILESS = frozenset({204, 304})
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSE = b"connection: close\r\n"

log = structlog.get_logger(__name__)


class Wire(Protocol):
    """The connection, as a `RequestCycle` uses it."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    writable: asyncio.Event

    def default_lines(self) -> bytes: ...
    def proceed(self) -> None:
        """Parses more of the received bytes, if it may."""
        ...

    def answered(self, cycle: "RequestCycle") -> None: ...
    def cut(self) -> None: ...


class RequestCycle:
    """Serves one request whose head has been read. The body arrives by `feed`, until `end_body`."""

    __slots__ = (
        *("_arrival", "_body", "_chunked", "_expects_continue", "_gone", "_has_news", "_is_head"),
        *("_left", "_version", "_wire", "has_whole_body", "is_complete", "is_disconnected"),
        *("is_started", "is_wrapped", "keeps_alive", "loop", "scope", "status", "when_served"),
    )

    def __init__(
        self,
        wire: Wire,
        scope: dict[str, Any],
        *,
        keeps_alive: bool,
        expects_continue: bool = False,
        body: bytes | None = None,
    ) -> None:
        """`body` is the whole body, if it has arrived already."""
        self._wire = wire
        self.loop = wire.loop
        self.scope = scope
        self.keeps_alive = keeps_alive
        self._expects_continue = expects_continue
        self._body: bytes | bytearray = bytearray() if body is None else body
        self.has_whole_body = body is not None
        self._has_news = self.has_whole_body
        """Whether `receive` can return an event without waiting."""
        self._arrival: asyncio.Event | None = None
        """Created only if `receive` has to wait, which is rare."""
        self._gone: Callable[[], None] | None = None
        self._is_head: bool = scope["method"] == "HEAD"
        self._version: str = scope["http_version"]
        self._chunked = False
        self._left: int | None = None
        """Bytes of Content-Length that are still to be written; None without Content-Length."""
        self.status = 0
        """The status of the response, once that is started."""
        self.when_served: Callable[[], None] | None = None
        """Called when a response that is no refusal is complete."""
        self.is_wrapped = False
        self.is_started = False
        self.is_complete = False
        self.is_disconnected = False

    # The request.

    def feed(self, piece: bytes) -> None:
        """Adds a piece of the body; drops it if the request is answered or the client gone."""
        if not self.is_complete and not self.is_disconnected:
            self._body += piece
            self._arrive()

    def end_body(self) -> None:
        """Marks the body as whole."""
        self.has_whole_body = True
        self._arrive()

    def _arrive(self) -> None:
        self._has_news = True
        if self._arrival is not None:
            self._arrival.set()

    async def _wait_for_news(self) -> None:
        if not self._has_news:
            self._arrival = self._arrival or asyncio.Event()
            await self._arrival.wait()
        self._has_news, self._arrival = False, None

    @property
    def has_much(self) -> bool:
        """Whether no more of the body should be read for now."""
        return len(self._body) > HIGH_WATER_BYTES

    async def receive(self) -> Message:
        """The `receive` of ASGI."""
        is_awaited = not (self.has_whole_body or self.is_started or self.is_disconnected)
        if self._expects_continue and is_awaited and not self._wire.transport.is_closing():
            self._wire.transport.write(CONTINUE)
        self._expects_continue = False
        if not self.is_disconnected and not self.is_complete:
            await self._wait_for_news()
        if self.is_disconnected or self.is_complete:
            return {"type": "http.disconnect"}
        body, self._body = bytes(self._body), bytearray()
        more = not self.has_whole_body
        self._wire.proceed()  # the buffer is empty again, so more of the body may be read
        return {"type": "http.request", "body": body, "more_body": more}

    @property
    def body_so_far(self) -> bytes:
        """The part of the body that has arrived and was not returned by `receive` yet."""
        return bytes(self._body)

    def body(self) -> bytes | None:
        """As `Exchange.body`."""
        return bytes(self._body) if self.has_whole_body else None

    def watch(self, gone: Callable[[], None]) -> None:
        """As `Exchange.watch`."""
        self._gone = gone
        if self.is_disconnected:
            gone()

    def unwatch(self) -> None:
        """As `Exchange.unwatch`."""
        self._gone = None

    def disconnect(self) -> None:
        """Notes that the client is gone; wakes `receive` and calls what watches for this."""
        if not self.is_complete:
            self.is_disconnected = True
            self._body = b""
            self._arrive()
            if self._gone is not None:
                self._gone()

    # The response.

    def respond(self, status: int, header_lines: bytes, body: bytes) -> bool:
        """As `Exchange.respond`."""
        if self.is_wrapped or self.is_started or not self._wire.writable.is_set():
            return False
        if self.is_disconnected:
            return True
        self._start(status)
        self._wire.transport.write(
            b"".join(
                (
                    status_line(status),
                    self._wire.default_lines(),
                    header_lines,
                    b"\r\n" if self.keeps_alive else CLOSE + b"\r\n",
                    b"" if self._is_head else body,
                )
            )
        )
        self._complete()
        return True

    async def send(self, message: Message) -> None:
        """The `send` of ASGI; drops messages after the client has gone."""
        if not self.is_disconnected:
            await self._wire.writable.wait()
        if self.is_disconnected:
            return
        kind = message["type"]
        if kind == "http.response.start" and not self.is_started:
            self._send_start(message["status"], list(message.get("headers", ())))
        elif kind == "http.response.body" and self.is_started and not self.is_complete:
            self._send_body(message.get("body", b""), more=message.get("more_body", False))
        else:
            raise RuntimeError(f"{kind} is not expected here.")

    def _send_start(self, status: int, headers: list[Header]) -> None:
        lines = header_lines(headers)
        for given, value in headers:
            name = given.lower()
            if name == b"content-length":
                self._left = int(value)
            elif name == b"connection" and b"close" in value.lower():
                self.keeps_alive = False
        if self._left is not None:
            lines += b"content-length: %d\r\n" % self._left
        elif status not in BODILESS and not self._is_head and self._version == "1.1":
            self._chunked = True
            lines += b"transfer-encoding: chunked\r\n"
        # With neither, the body ends with the connection: in HTTP/1.0, which keeps none alive.
        if status in BODILESS or self._is_head:
            self._left = 0
        self._start(status)
        if not self.keeps_alive:
            lines += CLOSE
        self._wire.transport.write(
            status_line(status) + self._wire.default_lines() + lines + b"\r\n"
        )

    def _send_body(self, body: bytes, *, more: bool) -> None:
        if self._is_head:
            body = b""
        if self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (self._left > 0 and not more):
                raise RuntimeError("The body is not as long as its Content-Length says.")
        if self._chunked:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if not more:
                body += b"0\r\n\r\n"
        if body:
            self._wire.transport.write(body)
        if not more:
            self._complete()

    def _start(self, status: int) -> None:
        self.is_started = True
        self.status = status
        if self._expects_continue and not self.has_whole_body:
            # The client may send the body or leave it out, so the next bytes are ambiguous.
            self.keeps_alive = False

    def _complete(self) -> None:
        self.is_complete = True
        self._body = b""
        self._arrive()
        if self.when_served is not None and self.status < FIRST_REFUSAL:
            self.when_served()
        self._wire.answered(self)

    async def run(self, application: ASGIApp) -> None:
        """Runs the application; answers 500 or 503, or drops the connection, if it fails."""
        try:
            await application(self.scope, self.receive, self.send)
            if not (self.is_complete or self.is_disconnected):
                raise RuntimeError("The application has not answered.")
        except asyncio.CancelledError:
            self._fail(503)
            raise
        except Exception:
            log.exception("application_failed")
            self._fail(500)
        finally:
            self.scope = {}  # it refers to this cycle: breaks the reference cycle

    def _fail(self, status: int) -> None:
        if self.is_disconnected or self.is_complete:
            return
        self.keeps_alive = self.is_wrapped = False
        if not self.respond(status, b"content-length: 0\r\n", b""):
            self._wire.cut()
