"""Connections that are held open and lent one at a time."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What a held connection must tell of itself."""

    @property
    def is_closed(self) -> bool: ...

    async def close(self) -> None: ...


ConnectionT = TypeVar("ConnectionT", bound=Closable)


class HeldConnections(Generic[ConnectionT]):
    """At most `count` connections, opened when first needed, kept, and replaced when lost.

    A held connection costs nothing to borrow, where a pool that resets what it lends costs a
    statement or two each time.
    """

    def __init__(self, connect: Callable[[], Awaitable[ConnectionT]], count: int) -> None:
        self.count = count
        self._connect = connect
        self._places = asyncio.Semaphore(count)
        self._idle: deque[ConnectionT] = deque()

    @asynccontextmanager
    async def lend(self) -> AsyncGenerator[ConnectionT]:
        """A connection for one borrower at a time; raises what connecting raises."""
        async with self._places:
            connection = self._take_open() or await self._connect()
            try:
                yield connection
            finally:
                if not connection.is_closed:
                    self._idle.append(connection)

    def _take_open(self) -> ConnectionT | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed:
                return connection
        return None

    async def close(self) -> None:
        """Closes the connections that are not lent."""
        while self._idle:
            await self._idle.pop().close()
