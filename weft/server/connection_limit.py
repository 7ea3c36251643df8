"""How many connections a process takes, in all and from one address."""

from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_network

from weft.rates.address import counted, parsed
from weft.server.refusal import Refusal

FULL = Refusal(503, "The server has all the connections that it takes: try again.", "OVERLOADED")
TOO_MANY = Refusal(429, "Too many connections from your address.", "TOO_MANY_REQUESTS")
FILES_KEPT = 256
"""For the database and Redis, and for connections that are refused."""


class ConnectionLimit:
    """Counts open connections; of IPv6, those of a /64 together (`weft.rates.address.counted`).

    Those of this machine and of declared proxies, which many clients share, count in all only.
    """

    def __init__(self, limit: int, per_address: int, proxies: Iterable[str] = ()) -> None:
        self.limit = limit
        self._per_address = per_address
        self._proxies = [ip_network(proxy, strict=False) for proxy in proxies]
        self._open = Counter[str | None]()

    def take(self, address: str | None) -> Refusal | None:
        """Registers a connection. Gives None, or what to refuse it with; `leave` in both cases."""
        self._open[None] += 1
        client = self.client_of(address)
        if client is None:
            return FULL if self._open[None] > self.limit else None
        self._open[client] += 1
        if self._open[None] > self.limit:
            return FULL
        return TOO_MANY if self._open[client] > self._per_address else None

    def leave(self, address: str | None) -> None:
        """One of these is closed."""
        self._open[None] -= 1
        client = self.client_of(address)
        if client is not None:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]

    def client_of(self, address: str | None) -> str | None:
        """What a connection from there is counted by; None if in all only."""
        found = None if address is None else parsed(address)
        if found is None or any(found in proxy for proxy in self._proxies):
            return None
        return counted(str(found))


def limit_of(wished: int, files: int) -> int:
    """As many as wished, or as a process that may open so many files can have."""
    return max(1, min(wished, files - FILES_KEPT))
