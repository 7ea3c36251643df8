"""The address that a client is counted by."""

from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from starlette.types import Scope

CLIENT: ContextVar[str | None] = ContextVar("client", default=None)
"""Whose request or socket is being served: see `counted_address`."""

REMEMBERED = 8_192
SUBSCRIBER_BITS = 64


def counted_address(scope: Scope, headers: Mapping[bytes, bytes]) -> str | None:
    """The client's address; of IPv6, the network that one subscriber has.

    None for a program on the machine itself, which is counted by nothing. One that brings an
    X-Forwarded-For is a proxy that should have been declared: it is counted as a whole.
    """
    client = scope.get("client")
    address = None if client is None else _counted(client[0])
    if address is not None:
        return address
    return "proxy" if b"x-forwarded-for" in headers else None


@lru_cache(REMEMBERED)
def _counted(text: str) -> str | None:
    try:
        address: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:
        return None  # a Unix socket, or the client of a test
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return _counted(str(address.ipv4_mapped))
        if not address.is_loopback:
            return str(IPv6Network((address, SUBSCRIBER_BITS), strict=False))
    return None if address.is_loopback else str(address)
