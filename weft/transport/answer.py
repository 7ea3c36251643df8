"""A complete HTTP response: its headers, refusals, and how it is sent."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from starlette.types import Send

from weft.errors import RateLimited
from weft.transport.headers import POLICY, Header, lines_of
from weft.transport.negotiation import GRAPHQL_RESPONSE, HTML, JSON
from weft.transport.response import encode_refusal, status_of

ALLOW = ((b"allow", b"GET, POST, OPTIONS"),)
NOSNIFF = ((b"x-content-type-options", b"nosniff"),)
# A response depends on its viewer, so no cache may store it.
COMMON_HEADERS = ((b"cache-control", b"no-store"), (b"vary", b"accept"), *NOSNIFF, POLICY)

WITHOUT_LENGTH = frozenset({204, 304})
"""Statuses sent without Content-Length: they have no body, and that of a 304 would have to be the
length of the 200 response (RFC 9110, 8.6)."""

PAID = "weft.paid"
"""Key in the scope of a request that has been charged, so `Front` does not charge its refusal."""

REFUSAL_SECONDS = 1.0
"""Delay of each refusal of a client that has exhausted its budget: even with many connections, and
retrying at once, it takes little of the event loop."""

_CONTENT_TYPES = {
    media_type: (b"content-type", f"{media_type}; charset=utf-8".encode())
    for media_type in (GRAPHQL_RESPONSE, JSON, HTML)
}
_COMMON_LINES = {
    media_type: lines_of([content_type, *COMMON_HEADERS])
    for media_type, content_type in _CONTENT_TYPES.items()
}
_HEADERS_OF_STATUS: dict[int, tuple[Header, ...]] = {
    401: ((b"www-authenticate", b"Bearer"),),
    405: ALLOW,
    429: ((b"retry-after", b"1"),),
    503: ((b"retry-after", b"1"),),
}


class HttpAnswer(NamedTuple):
    """A status, and a body of a media type. `more` are headers beside the `common` ones."""

    status: int
    media_type: str
    body: bytes
    more: Iterable[Header] = ()
    common: tuple[Header, ...] = COMMON_HEADERS

    def headers(self) -> tuple[Header, ...]:
        """All headers but those that `Front` adds."""
        headers = (_CONTENT_TYPES[self.media_type], *self.common, *self.more)
        if self.status in WITHOUT_LENGTH:
            return headers
        return (*headers, (b"content-length", b"%d" % len(self.body)))

    def header_lines(self) -> bytes:
        """The same headers as lines of HTTP/1.1."""
        if self.more or self.common is not COMMON_HEADERS or self.status in WITHOUT_LENGTH:
            return lines_of(self.headers())
        return b"%bcontent-length: %d\r\n" % (_COMMON_LINES[self.media_type], len(self.body))


def refusal(error: Exception, media_type: str) -> HttpAnswer:
    """The response to a request that `error` kept from being executed."""
    status = status_of(error)
    more = _HEADERS_OF_STATUS.get(status, ())
    if isinstance(error, RateLimited):
        more = ((b"retry-after", b"%d" % error.retry_after_seconds),)
    return HttpAnswer(status, media_type, encode_refusal(error), more)


async def refused(error: Exception, media_type: str) -> HttpAnswer:
    """As `refusal`, but a `RateLimited` is answered only after `REFUSAL_SECONDS`."""
    if isinstance(error, RateLimited):
        await delay_refusal()
    return refusal(error, media_type)


async def delay_refusal() -> None:
    """Waits for `REFUSAL_SECONDS`."""
    await asyncio.sleep(REFUSAL_SECONDS)


async def send_answer(send: Send, answer: HttpAnswer) -> None:
    """Sends a response as ASGI messages."""
    headers = list(answer.headers())
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
