"""What the transports read of a request's headers."""

from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import NamedTuple

from starlette.types import Scope

from weft.auth.tokens import credentials
from weft.rates.address import counted

Header = tuple[bytes, bytes]

POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""Of an answer that is no page: nothing in it is run or shown, whatever it looks like."""


TRANSPORT_SECURITY = (b"strict-transport-security", b"max-age=31536000")


def lines_of(headers: Iterable[Header]) -> bytes:
    """Headers as lines of HTTP/1.1."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


_STAMP_LINES = b"x-request-id: %b\r\nserver-timing: %b\r\n"
_SECURITY_LINE = lines_of([TRANSPORT_SECURITY])


class Stamp(NamedTuple):
    """What `Front` gives each request: the id in its logs and its answer, and when it began."""

    request_id: str
    started: float
    """By `time.perf_counter`."""
    is_secure: bool
    """Whether it came over TLS, as far as declared proxies tell."""

    def response_headers(self) -> tuple[Header, ...]:
        """What the answer tells of it."""
        told = (b"x-request-id", self.request_id.encode()), (b"server-timing", self._timing())
        return (*told, TRANSPORT_SECURITY) if self.is_secure else told

    def response_lines(self) -> bytes:
        """The same as lines of HTTP/1.1."""
        told = (self.request_id.encode(), self._timing())
        return _STAMP_LINES % told + (_SECURITY_LINE if self.is_secure else b"")

    def _timing(self) -> bytes:
        return b"total;dur=%.2f" % ((perf_counter() - self.started) * 1000)


KNOWN_HEADERS = "weft.headers"
"""In the scope: headers, and what `headers_of` made of these very ones."""


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The headers by lower-case name; the values of a repeated one are joined (RFC 9110, 5.3)."""
    pairs: Sequence[Header] = scope["headers"]
    known = scope.get(KNOWN_HEADERS)
    return known[1] if known is not None and known[0] is pairs else by_name(pairs)


def by_name(pairs: Sequence[Header]) -> dict[bytes, bytes]:
    """As `headers_of`."""
    headers = dict(pairs)
    if len(headers) != len(pairs):
        joined: dict[bytes, list[bytes]] = {}
        for name, value in pairs:
            joined.setdefault(name, []).append(value)
        return {name: b", ".join(values) for name, values in joined.items()}
    return headers


def authorization_of(headers: dict[bytes, bytes]) -> str | None:
    """The Authorization header's value; None if there are no credentials in it."""
    value = headers.get(b"authorization")
    return None if value is None else credentials(value.decode("latin-1"))


def stamp_of(scope: Scope) -> Stamp:
    """What `Front` gave the request."""
    return scope["state"]["stamp"]


def request_id_of(scope: Scope) -> str:
    """The id that is in the request's logs and in its answer's header."""
    return stamp_of(scope).request_id


def address_of(scope: Scope) -> str:
    """What the client's sockets and streams are counted by; "" for the machine itself.

    It is the nearest proxy where none is trusted: see `weft.rates.address.counted`.
    """
    client = scope.get("client")
    return (counted(client[0]) if client else None) or ""
