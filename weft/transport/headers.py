"""The headers that the transports read from requests, and those that every response has."""

from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import NamedTuple

from starlette.types import Scope

from weft.auth.tokens import credentials
from weft.rates.address import counted

Header = tuple[bytes, bytes]

POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""For a response that is no page: a browser neither runs nor frames it, whatever it looks like."""


TRANSPORT_SECURITY = (b"strict-transport-security", b"max-age=31536000")


def lines_of(headers: Iterable[Header]) -> bytes:
    """Headers as lines of HTTP/1.1."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


_STAMP_LINES = b"x-request-id: %b\r\nserver-timing: %b\r\n"
_SECURITY_LINE = lines_of([TRANSPORT_SECURITY])


class Stamp(NamedTuple):
    """What `Front` attaches to each request: the id of its logs and response, and its start."""

    request_id: str
    started: float
    """By `time.perf_counter`."""
    is_secure: bool
    """Whether it came over TLS, according to declared proxies."""

    def response_headers(self) -> tuple[Header, ...]:
        """The headers that carry it in the response."""
        told = (b"x-request-id", self.request_id.encode()), (b"server-timing", self._timing())
        return (*told, TRANSPORT_SECURITY) if self.is_secure else told

    def response_lines(self) -> bytes:
        """The same headers as lines of HTTP/1.1."""
        told = (self.request_id.encode(), self._timing())
        return _STAMP_LINES % told + (_SECURITY_LINE if self.is_secure else b"")

    def _timing(self) -> bytes:
        return b"total;dur=%.2f" % ((perf_counter() - self.started) * 1000)


KNOWN_HEADERS = "weft.headers"
"""Key in the scope of a pair: a list of headers, and the result of `headers_of` for that object."""


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The headers by lower-case name; the values of a repeated one are joined (RFC 9110, 5.3)."""
    pairs: Sequence[Header] = scope["headers"]
    known = scope.get(KNOWN_HEADERS)
    return known[1] if known is not None and known[0] is pairs else by_name(pairs)


def by_name(pairs: Sequence[Header]) -> dict[bytes, bytes]:
    """The headers by name, as `headers_of` returns them."""
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
    """The id in the request's logs and in a header of its response."""
    return stamp_of(scope).request_id


def address_of(scope: Scope) -> str:
    """The address that the client's sockets and streams are counted by; "" for this machine.

    That of the nearest proxy where none is trusted: see `weft.rates.address.counted`.
    """
    client = scope.get("client")
    return (counted(client[0]) if client else None) or ""
