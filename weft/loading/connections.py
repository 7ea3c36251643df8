"""Connections that are held open and lent one at a time."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from weft.loading.failure import own_error


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
        self._failures = 0
        self._failure: Exception | None = None
        self._is_closed = False

    def lend(self) -> "_Loan[ConnectionT]":
        """`async with`: a connection for one borrower at a time; raises what connecting raises."""
        return _Loan(self)

    async def take(self) -> ConnectionT:
        """A connection, to be given back; raises what connecting raises.

        Where connecting fails, all calls that wait for a place meanwhile fail with it: they would
        wait as long again, one after the other.
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
        """A new connection, unless connecting has failed since it had failed so many times."""
        if self._failure is not None and failures != self._failures:
            raise own_error(self._failure)
        try:
            return await self._connect()
        except Exception as error:
            self._failures += 1
            self._failure = own_error(error)
            self._failure.__cause__ = None  # its frames need not be kept
            raise

    async def take_idle(self) -> ConnectionT | None:
        """As `take`, without waiting for others: None while all are lent."""
        return None if self._places.locked() else await self.take()

    async def give_back(self, connection: ConnectionT) -> None:
        """Takes a connection back; it is kept if it is open."""
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
        """Closes the connections; one that is lent is closed when it comes back."""
        self._is_closed = True
        idle = list(self._idle)
        self._idle.clear()
        await asyncio.gather(*(connection.close() for connection in idle))


class _Loan(Generic[ConnectionT]):
    """A connection while it is lent; a class, since a generator takes three times as long."""

    __slots__ = ("_connection", "_held")

    def __init__(self, held: HeldConnections[ConnectionT]) -> None:
        self._held = held

    async def __aenter__(self) -> ConnectionT:
        self._connection = await self._held.take()
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        await self._held.give_back(self._connection)
