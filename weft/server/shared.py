"""What all connections of a process share."""

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
"""How fast connections that have no end are closed at a shutdown, at least."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What a connection may take before it is a request's or a socket's."""

    keep_alive_seconds: float = 75
    """How long it stays open after an answer. Longer than the proxy in front of it, if any, keeps
    it: else the proxy may send a request just when it is closed, and answers 502."""
    head_seconds: float = 10
    """How long the head of a request may take to come."""
    head_bytes: int = 65_536
    """The longest head; one that is longer by less than a read may pass."""
    socket_message_bytes: int = 262_144
    """The longest message of a socket."""
    socket_fragments: int = 1_000
    """Into how many frames it may be cut."""


class Shared:
    """One object for each process, made in `serving.py`."""

    def __init__(
        self,
        limits: ConnectionLimits | None = None,
        *,
        connection_limit: ConnectionLimit | None = None,
        heads: HeadCache | None = None,
        unsent_bytes: int = UNSENT_BYTES,
    ) -> None:
        """Without `connection_limit`, there may be any number of connections."""
        self.limits = limits or ConnectionLimits()
        self.connection_limit = connection_limit or ConnectionLimit(sys.maxsize, sys.maxsize)
        self.heads = heads or HeadCache()
        self.unsent = UnsentAnswers(self.connection_limit.client_of, unsent_bytes)
        self._default_headers: Sequence[Header] = ()
        self._default_lines = b""

    def default_lines(self, headers: Sequence[Header]) -> bytes:
        """Uvicorn's own headers, which it replaces once a second, as lines."""
        if headers is not self._default_headers:
            self._default_headers, self._default_lines = headers, lines_of(headers)
        return self._default_lines


def run_apart(
    coroutine: Coroutine[Any, Any, None],
    loop: asyncio.AbstractEventLoop,
    tasks: set[asyncio.Task[None]],
) -> None:
    """Runs it as one of the tasks that a shutdown waits for.

    It has a context of its own: nothing that was set for another request is seen in it.
    """
    task = loop.create_task(coroutine, context=Context())
    tasks.add(task)
    task.add_done_callback(tasks.discard)


def shutdown_delay(connections: int, spread_seconds: float) -> float:
    """When to close one of so many connections, so that their clients return one by one."""
    return random.uniform(0, min(spread_seconds, connections / CLOSED_PER_SECOND))
