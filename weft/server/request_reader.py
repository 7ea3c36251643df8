"""Parses the requests of one connection with httptools (llhttp), and refuses ambiguous ones."""

from typing import Any, Protocol

import httptools
import structlog

from weft.server.answer_head import Header
from weft.server.refusal import RequestRefused
from weft.server.request_head import RequestHead, read_head

OVERHEAD_BYTES = 65_536
OVERHEAD_FACTOR = 8
"""How much of a chunked body may be chunk sizes, extensions and trailers: OVERHEAD_BYTES, and
OVERHEAD_FACTOR for each byte of the body."""

HEADERS = 200
"""The most headers of one request. Browsers send about 20; an empty header takes as long to read as
any other."""

TOO_LONG = "The head of the request is too long."

log = structlog.get_logger(__name__)

PIECE_BYTES = 4_096
"""Bytes to parse at a time, so that few requests of a long pipeline are queued at once."""


class Requests(Protocol):
    """Receives the parsed requests, in order."""

    def request_began(self, head: RequestHead, *, keeps_alive: bool) -> None: ...
    def request_body(self, piece: bytes) -> None: ...
    def request_ended(self, *, keeps_alive: bool) -> None:
        """The body is whole. `keeps_alive` is given again, since trailers may change it."""
        ...

    def socket_asked(self, head: RequestHead, rest: bytes) -> None:
        """A WebSocket handshake. `rest` are the bytes after it, which are not HTTP."""
        ...


class RequestReader:
    """Parses requests; httptools calls the methods named `on_...`."""

    def __init__(self, requests: Requests, head_limit_bytes: int) -> None:
        self._requests = requests
        self._head_limit_bytes = head_limit_bytes
        self._parser: Any = self._new_parser()
        self.is_between = True
        """True if no part of a next request has arrived, except line breaks."""
        self.is_in_head = False
        self._head_bytes = 0
        self._line_bytes = 0
        self._target = b""
        self._headers: list[Header] = []
        self._asks_upgrade: RequestHead | None = None
        self._ignored: RequestHead | None = None
        """The head as received, of a request whose upgrade is ignored and which is parsed again."""
        self._body_bytes = 0
        self._overhead_bytes = 0

    def feed(self, data: bytes) -> None:
        """Parses more bytes. Raises `RequestRefused`, after which nothing more can be parsed."""
        was_in_head = self.is_in_head
        before_bytes, reading = self._body_bytes, self._headers
        left = data
        while left:
            left = self._parse(left)
        if self.is_in_head:
            self._head_bytes = self._head_bytes + len(data) if was_in_head else 0
            if self._head_bytes > self._head_limit_bytes:
                raise RequestRefused(431, TOO_LONG)
        elif self._headers is reading and not was_in_head:
            self._overhead_bytes += len(data) + before_bytes - self._body_bytes
            if self._overhead_bytes > OVERHEAD_BYTES + OVERHEAD_FACTOR * self._body_bytes:
                raise RequestRefused(400, "The body's chunks are too small, or its trailers long.")

    def _parse(self, data: bytes) -> bytes:
        """Parses bytes. Returns those that a new parser must parse again, after an upgrade."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            raise _reason(error) from None
        return b""

    def _upgrade(self, rest: bytes) -> bytes:
        head, self._asks_upgrade = self._asks_upgrade, None
        assert head is not None
        self.is_between = True
        if head.asks_for_websocket():
            if head.has_body:
                raise RequestRefused(400, "A WebSocket handshake has no body.")
            self._requests.socket_asked(head, rest)
            return b""
        # llhttp takes all that follows, and the body, for the other protocol.
        self._parser = self._new_parser()
        self._ignored = head
        return head.without_upgrade() + rest

    def _new_parser(self) -> Any:
        parser: Any = httptools.HttpRequestParser(self)
        # Bytes after a request that closes its connection are ignored rather than refused.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def close(self) -> None:
        """Releases the parser, which refers to this reader."""
        self._parser = None

    def on_message_begin(self) -> None:
        self.is_between = False
        self.is_in_head = True
        self._head_bytes = self._line_bytes = self._body_bytes = self._overhead_bytes = 0
        self._target = b""
        self._headers = []

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.is_in_head:  # trailers are dropped
            if len(self._headers) == HEADERS:
                raise RequestRefused(431, f"The request has more than {HEADERS} headers.")
            self._headers.append((name.lower(), value.rstrip(b" \t")))
            self._line_bytes += len(name) + len(value)

    def on_headers_complete(self) -> None:
        self.is_in_head = False
        parser = self._parser
        method = parser.get_method()
        if self._line_bytes + len(self._target) > self._head_limit_bytes:
            raise RequestRefused(431, TOO_LONG)
        head = read_head(method, self._target, parser.get_http_version(), self._headers)
        if parser.should_upgrade():
            self._asks_upgrade = head
        else:
            head, self._ignored = self._ignored or head, None
            keeps_alive = head.version == "1.1" and parser.should_keep_alive()
            self._requests.request_began(head, keeps_alive=keeps_alive)

    def on_body(self, piece: bytes) -> None:
        self._body_bytes += len(piece)
        self._requests.request_body(piece)

    def on_message_complete(self) -> None:
        if self._asks_upgrade is None:
            self.is_between = True
            self._requests.request_ended(keeps_alive=self._parser.should_keep_alive())


def _reason(error: httptools.HttpParserError) -> RequestRefused:
    cause = error.__context__
    if isinstance(cause, RequestRefused):
        return cause
    if cause is not None:
        log.error("request_failed", exc_info=cause)
    return RequestRefused(400, "This is no HTTP request.")
