"""The limits of open connections of a process, in all and from one address."""

from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_network

from weft.rates.address import counted, parsed
from weft.server.refusal import Refusal

FULL = Refusal(503, "The server has all the connections that it takes: try again.", "OVERLOADED")
TOO_MANY = Refusal(429, "Too many connections from your address.", "TOO_MANY_REQUESTS")
FILES_KEPT = 256
"""Open files reserved for the database, Redis, and connections that are refused."""


class ConnectionLimit:
    """Counts open connections; IPv6 addresses by their /64 (`weft.rates.address.counted`).

    Connections from this machine and from declared proxies, which many clients share, count
    towards the total only.
    """

    def __init__(self, limit: int, per_address: int, proxies: Iterable[str] = ()) -> None:
        self.limit = limit
        self._per_address = per_address
        self._proxies = [ip_network(proxy, strict=False) for proxy in proxies]
        self._open = Counter[str | None]()

    def take(self, address: str | None) -> Refusal | None:
        """Counts a connection, until `leave`. Returns the refusal if it is over a limit, else None.

        A refused connection is counted as well, and also needs `leave`.
        """
        self._open[None] += 1
        client = self.client_of(address)
        if client is None:
            return FULL if self._open[None] > self.limit else None
        self._open[client] += 1
        if self._open[None] > self.limit:
            return FULL
        return TOO_MANY if self._open[client] > self._per_address else None

    def leave(self, address: str | None) -> None:
        """Stops counting a connection that is closed."""
        self._open[None] -= 1
        client = self.client_of(address)
        if client is not None:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]

    def client_of(self, address: str | None) -> str | None:
        """The key that connections from the address are counted by; None if in the total only."""
        found = None if address is None else parsed(address)
        if found is None or any(found in proxy for proxy in self._proxies):
            return None
        return counted(str(found))


def limit_of(wished: int, files: int) -> int:
    """The wished limit of connections, or as many as `files`, open at once, allow; at least 1."""
    return max(1, min(wished, files - FILES_KEPT))
