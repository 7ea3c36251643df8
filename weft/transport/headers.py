"""What the transports read of a request's headers."""

from time import perf_counter
from typing import NamedTuple

from starlette.types import Scope

POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""Of an answer that is no page: nothing in it is run or shown, whatever it looks like."""


TRANSPORT_SECURITY = (b"strict-transport-security", b"max-age=31536000")


class Stamp(NamedTuple):
    """What `Front` gives each request: the id in its logs and its answer, and when it began."""

    request_id: str
    started: float
    """By `time.perf_counter`."""
    is_secure: bool
    """Whether it came over TLS, as far as declared proxies tell."""

    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """What the answer tells of it."""
        spent_ms = (perf_counter() - self.started) * 1000
        told = (
            (b"x-request-id", self.request_id.encode()),
            (b"server-timing", b"total;dur=%.2f" % spent_ms),
        )
        return (*told, TRANSPORT_SECURITY) if self.is_secure else told


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The headers by lower-case name; the values of a repeated one are joined (RFC 9110, 5.3)."""
    pairs: list[tuple[bytes, bytes]] = scope["headers"]
    headers = dict(pairs)
    if len(headers) != len(pairs):
        joined: dict[bytes, list[bytes]] = {}
        for name, value in pairs:
            joined.setdefault(name, []).append(value)
        return {name: b", ".join(values) for name, values in joined.items()}
    return headers


def authorization_of(headers: dict[bytes, bytes]) -> str | None:
    """The Authorization header's value, or None."""
    value = headers.get(b"authorization")
    return None if value is None else value.decode("latin-1")


def stamp_of(scope: Scope) -> Stamp:
    """What `Front` gave the request."""
    return scope["state"]["stamp"]


def request_id_of(scope: Scope) -> str:
    """The id that is in the request's logs and in its answer's header."""
    return scope["state"]["request_id"]


def address_of(scope: Scope) -> str:
    """The client's network address; that of the nearest proxy where none is trusted."""
    client = scope.get("client")
    return client[0] if client else ""
