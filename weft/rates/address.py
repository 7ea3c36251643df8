"""The address that a client is counted by."""

from collections.abc import Hashable, Mapping
from contextvars import ContextVar
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

from weft.bounds import ADDRESSES

CLIENT: ContextVar[str | None] = ContextVar("client", default=None)
"""Whose request or socket is being served: see `counted_address`."""
VIEWER: ContextVar[Hashable] = ContextVar("viewer", default=None)
"""Whose operation is being run; None for a stranger's."""

MAX_LENGTH = 64
"""Letters of an address; a longer text is none. The longest has 45, without a zone."""
ADDRESS_BYTES = 500
"""What it takes to remember one."""
SUBSCRIBER_BITS = 64
NETWORK_BITS = {4: 24, 6: 48}
"""How much of an address the networks of one owner have in common, at least, by IP version."""
TRANSLATED = IPv6Network("64:ff9b::/96")
"""IPv4 clients, as a translator in front of servers that have IPv6 only writes them (RFC 6052)."""


def client_at_work() -> tuple[str | None, Hashable]:
    """The address and the viewer whose operation is being run."""
    return CLIENT.get(), VIEWER.get()


def counted_address(scope: Scope, headers: Mapping[bytes, bytes]) -> str | None:
    """The client's address as `counted` gives it.

    One that brings an X-Forwarded-For is a proxy that should have been declared: it is counted as
    a whole.
    """
    client = scope.get("client")
    # As `counted`, which every request would have to call.
    text = "" if client is None else client[0]
    address = _counted(text) if len(text) <= MAX_LENGTH else None
    if address is not None:
        return address
    return "proxy" if b"x-forwarded-for" in headers else None


def counted(text: str) -> str | None:
    """What an address is counted as, however it is written; of IPv6, the /64 of one subscriber.

    None for a program on the machine itself, and for what is no address, as of a Unix socket.
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
    """The address; IPv4's, where one of IPv6 only stands for it. None for what is no address."""
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
    """The network around what `counted` gave, /24 of IPv4 and /48 of IPv6; else the same again."""
    if counted is None:
        return None
    try:
        network = ip_network(counted)
    except ValueError:
        return counted
    return str(network.supernet(new_prefix=NETWORK_BITS[network.version]))
