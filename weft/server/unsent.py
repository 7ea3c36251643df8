"""Bounds the bytes of responses that clients have not read yet, for the whole process."""

from collections.abc import Callable, Hashable
from typing import Protocol

UNSENT_BYTES = 128 * 1024 * 1024
"""The bytes that may wait to be sent on all HTTP connections together."""


class Connection(Protocol):
    """A connection that can be dropped if too many bytes wait."""

    def cut(self) -> None:
        """Drops the connection and all bytes that wait to be sent on it."""
        ...


class UnsentAnswers:
    """Counts waiting bytes by client and connection, and drops connections beyond the bound.

    Of the client with the most waiting bytes, the connection that has waited longest is dropped.
    So a client that requests much and reads nothing loses its own connections, and no others.
    """

    def __init__(self, client_of: Callable[[str | None], Hashable], max_bytes: int) -> None:
        """`client_of` gives the client that connections from an address are counted by."""
        self.max_bytes = max_bytes
        self.bytes = 0
        """The bytes that wait now."""
        self._client_of = client_of
        self._clients: dict[Connection, Hashable] = {}
        self._held: dict[Hashable, dict[Connection, int]] = {}
        """Waiting bytes by connection, by client; connections that have waited longest first."""

    def hold(self, connection: Connection, address: str | None, waiting_bytes: int) -> None:
        """Sets the bytes that wait on a connection, until `release`; may drop connections."""
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
        """Stops counting a connection on which no bytes wait, or which is lost.

        Does nothing if it is not held.
        """
        if connection not in self._clients:
            return
        client = self._clients.pop(connection)
        held = self._held[client]
        self.bytes -= held.pop(connection)
        if not held:
            del self._held[client]
