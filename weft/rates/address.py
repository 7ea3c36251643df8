"""The address by which a client is counted."""

from collections.abc import Hashable, Mapping
from contextvars import ContextVar
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

from weft.bounds import ADDRESSES

CLIENT: ContextVar[str | None] = ContextVar("client", default=None)
"""The counted address of the request or socket being served: see `counted_address`."""
VIEWER: ContextVar[Hashable] = ContextVar("viewer", default=None)
"""The audience whose operation is being run; None for an anonymous viewer."""

MAX_LENGTH = 64
"""Most characters of an address; a longer text is no address. The longest has 45, without a
zone."""
ADDRESS_BYTES = 500
"""Bytes that one cached address takes."""
SUBSCRIBER_BITS = 64
NETWORK_BITS = {4: 24, 6: 48}
"""Length of the prefix that the networks of one owner share, at least, by IP version."""
TRANSLATED = IPv6Network("64:ff9b::/96")
"""IPv4 clients, as a translator in front of IPv6-only servers writes them (RFC 6052)."""


def client_at_work() -> tuple[str | None, Hashable]:
    """Returns the address and the viewer of the operation that is being run."""
    return CLIENT.get(), VIEWER.get()


def counted_address(scope: Scope, headers: Mapping[bytes, bytes]) -> str | None:
    """Returns the client's address in the form of `counted`.

    A client without one that sends X-Forwarded-For is a proxy that should have been declared: all
    its clients are counted together, as "proxy".
    """
    client = scope.get("client")
    # `counted`, inlined to save each request a call.
    text = "" if client is None else client[0]
    address = _counted(text) if len(text) <= MAX_LENGTH else None
    if address is not None:
        return address
    return "proxy" if b"x-forwarded-for" in headers else None


def counted(text: str) -> str | None:
    """Returns the form in which an address is counted, however it is written; of IPv6, its /64.

    A /64 is one subscriber. None for a program on the machine itself, and for text that is no
    address, such as a Unix socket's.
    """
    return _counted(text) if len(text) <= MAX_LENGTH else None


@lru_cache(ADDRESSES.entries(ADDRESS_BYTES))
def _counted(text: str) -> str | None:
    address = parsed(text)
    if address is None or address.is_loopback:
        return None
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), SUBSCRIBER_BITS), strict=False))
    return str(address)


def parsed(text: str) -> IPv4Address | IPv6Address | None:
    """Returns the address, as IPv4 if it is IPv6 that stands for IPv4; None if the text is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    if address in TRANSLATED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def network_of(counted: str | None) -> str | None:
    """Returns the network around a counted address, /24 of IPv4 and /48 of IPv6.

    Any other text is returned unchanged, and None for None.
    """
    if counted is None:
        return None
    try:
        network = ip_network(counted)
    except ValueError:
        return counted
    return str(network.supernet(new_prefix=NETWORK_BITS[network.version]))
