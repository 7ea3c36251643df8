"""A listener: the changes that one reader wants, first from the log, then live from the hub."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol, Self

from weft.changes.change import Change, Point
from weft.rates.budget import Client

Wants = Callable[[Change], bool]


class Offers(Protocol):
    """The part of the hub that a listener uses."""

    @property
    def point(self) -> Point:
        """The point of the last change that was offered, or is being offered, to the listeners."""
        ...

    @property
    def offered(self) -> Change:
        """The change at `point`; only for a listener that was not offered it yet."""
        ...


class Listener:
    """An async iterator of the wanted changes after `point`, in order, none lost, none repeated.

    Until it has caught up with the hub it reads the log page by page, at its reader's pace. Once it
    has read up to the change that the hub offered last, it goes live: nothing is awaited between
    that comparison and the switch, so no change can be lost between them. From then on the hub
    offers it each change, and at most `queue_limit` wait: a listener that falls further behind goes
    back to reading the log.

    The hub yields to the event loop while it offers a change to many listeners. A live listener
    that is read meanwhile takes that change itself, so a listener that has caught up is always as
    far as the hub.
    """

    def __init__(
        self,
        wants: Wants,
        point: Point,
        *,
        hub: Offers,
        read: Callable[[Point, Client | None], Awaitable[list[Change]]],
        client: Client | None,
        queue_limit: int,
    ) -> None:
        """`read` returns a page of the log after a point, and charges it to a client.

        The client is `client` until the listener is live for the first time. Later reads are
        charged to none (None): they are needed because the server was late.
        """
        self._wants = wants
        self._point = point
        self._hub = hub
        self._read = read
        self._client = client
        self._queue_limit = queue_limit
        self._queue: deque[Change] = deque()
        self._arrived = asyncio.Event()
        self._failure: Exception | None = None
        self._live = point.is_at(hub.point)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        return (await self.take(1))[0]

    async def take(self, limit: int) -> list[Change]:
        """Returns the next changes, at most `limit`; waits until there is one."""
        while not (changes := await self.catch_up(limit)):
            self._arrived.clear()
            await self._arrived.wait()
        return changes

    async def catch_up(self, limit: int) -> list[Change]:
        """Returns the next changes, at most `limit`; empty if it is live and nothing waits."""
        while self._failure is None:
            if self._queue:
                return [self._queue.popleft() for _ in range(min(limit, len(self._queue)))]
            if self._live:
                if self._point.position >= self._hub.point.position:
                    return []
                self.offer(self._hub.offered)
            elif not self._point.is_at(self._hub.point):
                await self.read_page()
            else:
                self._live = True
                self._client = None
        raise self._failure

    async def read_page(self) -> None:
        """Reads the next page of the log; raises CursorExpired, and RateLimited if charged."""
        page = await self._read(self._point, self._client)
        if page:
            self._point = page[-1]
            self._queue.extend(change for change in page if self._wants(change))

    @property
    def point(self) -> Point:
        """All wanted changes up to here were taken or are queued."""
        return self._point

    @property
    def has_failed(self) -> bool:
        """Whether reading further only raises an error."""
        return self._failure is not None

    @property
    def is_live(self) -> bool:
        """Whether it has caught up with the hub."""
        return self._live

    def offer(self, change: Change) -> bool:
        """Takes a change if it is live, wants it and has room for it; returns whether it did."""
        if not self._live or change.position <= self._point.position or self._failure is not None:
            return False
        try:
            wanted = self._wants(change)
        except Exception as error:
            # One subscription's bug must not stop the hub.
            self.end(error)
            return False
        if wanted and len(self._queue) >= self._queue_limit:
            self._live = False
            return False
        self._point = change
        if wanted:
            self._queue.append(change)
            self._arrived.set()
        return wanted

    def leave_history(self, error: Exception) -> None:
        """Ends a live listener; called when the log no longer contains the hub's point."""
        if self._live:
            self.end(error)

    def end(self, error: Exception) -> None:
        """Drops queued changes and makes the next read raise `error`; the first error stays."""
        if self._failure is None:
            self._failure = error
            self._queue.clear()
            self._arrived.set()
