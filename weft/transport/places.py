"""How many connections a process takes, in all and from one address."""

from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_address, ip_network

FULL = b"503 Service Unavailable"
TOO_MANY = b"429 Too Many Requests"
FILES_KEPT = 256
"""For the database, Redis, and for telling those that come too many."""


class Places:
    """Counts open connections. Those of this machine and of declared proxies, through which
    everybody may come, are counted in all only.
    """

    def __init__(self, limit: int, per_address: int, proxies: Iterable[str] = ()) -> None:
        self.limit = limit
        self._per_address = per_address
        self._proxies = [ip_network(proxy, strict=False) for proxy in proxies]
        self._taken = Counter[str | None]()

    def take(self, address: str | None) -> bytes | None:
        """Counts a connection, which is to be given back by `leave`; why it is not taken, or None.

        It is counted even then: it is open until it has been told.
        """
        self._taken[None] += 1
        if address is None or not self._counts(address):
            return FULL if self._taken[None] > self.limit else None
        self._taken[address] += 1
        if self._taken[None] > self.limit:
            return FULL
        return TOO_MANY if self._taken[address] > self._per_address else None

    def leave(self, address: str | None) -> None:
        """One of these is closed."""
        self._taken[None] -= 1
        if address is not None and self._taken[address] > 0:
            self._taken[address] -= 1
            if not self._taken[address]:
                del self._taken[address]

    def _counts(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return not parsed.is_loopback and not any(parsed in proxy for proxy in self._proxies)


def limit_of(wished: int, files: int) -> int:
    """As many as wished, or as a process that may open so many files can have."""
    return max(1, min(wished, files - FILES_KEPT))
