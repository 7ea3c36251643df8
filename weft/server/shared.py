"""State that all connections of a process share."""

import asyncio
import random
import sys
from collections.abc import Coroutine, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from weft.server.connection_limit import ConnectionLimit
from weft.server.head_cache import HeadCache
from weft.server.unsent import UNSENT_BYTES, UnsentAnswers
from weft.transport.headers import Header, lines_of

CLOSED_PER_SECOND = 100
"""The lowest rate at which a shutdown closes sockets and streams."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of a connection outside its requests, and of what its sockets receive."""

    keep_alive_seconds: float = 75
    """How long an idle connection stays open. This must be longer than a proxy in front keeps it:
    else the proxy may send a request just when it is closed, and answers 502."""
    head_seconds: float = 10
    """How long the head of a request may take to arrive."""
    head_bytes: int = 65_536
    """The longest head; one that exceeds it by less than one read may pass."""
    socket_message_bytes: int = 262_144
    """The longest message of a socket."""
    socket_fragments: int = 1_000
    """The most frames that one message may be fragmented into."""


class Shared:
    """One object for each process, created in `serving.py`."""

    def __init__(
        self,
        limits: ConnectionLimits | None = None,
        *,
        connection_limit: ConnectionLimit | None = None,
        heads: HeadCache | None = None,
        unsent_bytes: int = UNSENT_BYTES,
    ) -> None:
        """Without `connection_limit`, the number of connections is not limited."""
        self.limits = limits or ConnectionLimits()
        self.connection_limit = connection_limit or ConnectionLimit(sys.maxsize, sys.maxsize)
        self.heads = heads or HeadCache()
        self.unsent = UnsentAnswers(self.connection_limit.client_of, unsent_bytes)
        self._default_headers: Sequence[Header] = ()
        self._default_lines = b""

    def default_lines(self, headers: Sequence[Header]) -> bytes:
        """Uvicorn's own headers, which it replaces once a second, as lines of HTTP/1.1."""
        if headers is not self._default_headers:
            self._default_headers, self._default_lines = headers, lines_of(headers)
        return self._default_lines


def run_apart(
    coroutine: Coroutine[Any, Any, None],
    loop: asyncio.AbstractEventLoop,
    tasks: set[asyncio.Task[None]],
) -> None:
    """Runs a coroutine as one of the tasks that a shutdown waits for.

    It has a new context, so it sees no context variable of another request.
    """
    task = loop.create_task(coroutine, context=Context())
    tasks.add(task)
    task.add_done_callback(tasks.discard)


def shutdown_delay(connections: int, spread_seconds: float) -> float:
    """A random delay after which to close one of many connections, so that clients reconnect spread
    over time.
    """
    return random.uniform(0, min(spread_seconds, connections / CLOSED_PER_SECOND))
