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
        self._is_closed = False

    @asynccontextmanager
    async def lend(self) -> AsyncGenerator[ConnectionT]:
        """A connection for one borrower at a time; raises what connecting raises."""
        async with self._places:
            connection = self._take_open() or await self._connect()
            try:
                yield connection
            finally:
                await self._take_back(connection)

    async def _take_back(self, connection: ConnectionT) -> None:
        if self._is_closed:
            await connection.close()
        elif not connection.is_closed:
            self._idle.append(connection)

    def _take_open(self) -> ConnectionT | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed:
                return connection
        return None

    async def close(self) -> None:
        """Closes the connections; one that is lent is closed when it comes back."""
        self._is_closed = True
        idle = list(self._idle)
        self._idle.clear()
        await asyncio.gather(*(connection.close() for connection in idle))
