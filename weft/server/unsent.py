"""Answers that clients have not taken yet, bounded for the whole process."""

from collections.abc import Callable, Hashable
from typing import Protocol

UNSENT_BYTES = 128 * 1024 * 1024
"""What may wait to be sent on all connections of HTTP together."""


class Connection(Protocol):
    """What is cut where too much waits."""

    def cut(self) -> None:
        """Drops the connection and all that waits to be sent on it."""
        ...


class UnsentAnswers:
    """Counts the bytes that wait on connections, by client, and cuts connections beyond the bound.

    The client that holds most loses the connection that has waited longest: so one that asks for
    much and reads nothing loses its own, and others keep theirs.
    """

    def __init__(self, client_of: Callable[[str | None], Hashable], max_bytes: int) -> None:
        """`client_of` tells by which client a connection from an address counts."""
        self.max_bytes = max_bytes
        self.bytes = 0
        """What waits now."""
        self._client_of = client_of
        self._clients: dict[Connection, Hashable] = {}
        self._held: dict[Hashable, dict[Connection, int]] = {}
        """Bytes by connection, by client; connections that have waited longest first."""

    def hold(self, connection: Connection, address: str | None, waiting_bytes: int) -> None:
        """To be called when so much waits on a connection, until `release`; may cut some."""
        client = self._clients.setdefault(connection, self._client_of(address))
        held = self._held.setdefault(client, {})
        self.bytes += waiting_bytes - held.get(connection, 0)
        held[connection] = waiting_bytes
        while self.bytes > self.max_bytes:
            most = max(self._held.values(), key=lambda held: sum(held.values()))
            longest = next(iter(most))
            self.release(longest)
            longest.cut()

    def release(self, connection: Connection) -> None:
        """To be called when nothing waits on it, or it is lost; it need not be held."""
        if connection not in self._clients:
            return
        client = self._clients.pop(connection)
        held = self._held[client]
        self.bytes -= held.pop(connection)
        if not held:
            del self._held[client]
