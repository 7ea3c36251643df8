"""Connections that are held open, each lent to one borrower at a time."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from weft.loading.failure import own_error


class Closable(Protocol):
    """The interface of a held connection."""

    @property
    def is_closed(self) -> bool: ...

    async def close(self) -> None: ...


ConnectionT = TypeVar("ConnectionT", bound=Closable)


class HeldConnections(Generic[ConnectionT]):
    """At most `count` connections, opened when first needed, kept, and replaced when lost.

    Borrowing one costs nothing; a pool that resets its connections costs a statement or two each
    time.
    """

    def __init__(self, connect: Callable[[], Awaitable[ConnectionT]], count: int) -> None:
        self.count = count
        self._connect = connect
        self._places = asyncio.Semaphore(count)
        self._idle: deque[ConnectionT] = deque()
        self._failures = 0
        self._failure: Exception | None = None
        self._is_closed = False

    def lend(self) -> "_Loan[ConnectionT]":
        """Lends a connection for an `async with` block; raises what connecting raises."""
        return _Loan(self)

    async def take(self) -> ConnectionT:
        """Takes a connection, which must be given back; raises what connecting raises.

        When connecting fails, all calls that wait for a place at that time fail with it: otherwise
        each would wait as long, one after the other.
        """
        failures = self._failures
        await self._places.acquire()
        connection = self._take_open()
        if connection is None:
            try:
                connection = await self._open(failures)
            except BaseException:
                self._places.release()
                raise
        return connection

    async def _open(self, failures: int) -> ConnectionT:
        """Opens a connection; raises the last error if there were more failures than `failures`."""
        if self._failure is not None and failures != self._failures:
            raise own_error(self._failure)
        try:
            return await self._connect()
        except Exception as error:
            self._failures += 1
            self._failure = own_error(error)
            self._failure.__cause__ = None  # it would keep its frames alive
            raise

    async def take_idle(self) -> ConnectionT | None:
        """As `take`, but returns None while all connections are lent, instead of waiting."""
        return None if self._places.locked() else await self.take()

    async def give_back(self, connection: ConnectionT) -> None:
        """Takes a connection back, and keeps it if it is open."""
        try:
            if self._is_closed:
                await connection.close()
            elif not connection.is_closed:
                self._idle.append(connection)
        finally:
            self._places.release()

    def _take_open(self) -> ConnectionT | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed:
                return connection
        return None

    async def close(self) -> None:
        """Closes the connections; one that is lent is closed when it is given back."""
        self._is_closed = True
        idle = list(self._idle)
        self._idle.clear()
        await asyncio.gather(*(connection.close() for connection in idle))


class _Loan(Generic[ConnectionT]):
    """Lends a connection to a block; a class, since a generator takes three times as long."""

    __slots__ = ("_connection", "_held")

    def __init__(self, held: HeldConnections[ConnectionT]) -> None:
        self._held = held

    async def __aenter__(self) -> ConnectionT:
        self._connection = await self._held.take()
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        await self._held.give_back(self._connection)
