"""What relay and hub need of the change log; the SQL behind it stands elsewhere."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from weft.changes.batch import Batch
from weft.changes.change import Change, Point

BATCH_LIMIT = 1000
"""The most changes that one call of `assign_positions`, `after` or `prune` is about."""


Prepare = Callable[[list[Change]], Awaitable[None]]


class ChangeLog(Protocol):
    """The log, over one connection of its own: one call at a time.

    Any method may raise what the database's driver raises; the log is of no use then, and is
    closed and opened anew.
    """

    @property
    def history(self) -> str | None:
        """Names that of the database, to which the changes' `xid`s belong; None if not known."""
        ...

    async def try_lead(self) -> bool:
        """Whether this connection is now the only one that may assign positions.

        Leadership ends with the connection, and the server ends a leader's connection that has
        been silent for too long.
        """
        ...

    async def name(self) -> str:
        """Names the log among all that share a Redis; all connections to it give the same name."""
        ...

    async def assign_positions(self, prepare: Prepare | None = None) -> Batch:
        """Gives positions to the first `BATCH_LIMIT` committed changes that have none, by their id.

        In order of position. Only the leader may call it. `prepare` is awaited with what was found,
        also if that is nothing, before anybody can see the positions, which are still 0. An empty
        batch has no meaningful start.
        """
        ...

    async def after(self, point: Point, *, page_start: int | None = None) -> Batch:
        """The first `BATCH_LIMIT` changes after `point`, in order.

        CursorExpired if some of them are gone, or if the log does not go through `point`, since it
        never did or since another history was put in its place. With `page_start`, a position that
        is not higher: the changes after that, without those that are gone.
        """
        ...

    async def horizon(self, point: Point) -> int | None:
        """The first position after which all changes are kept; None as `after` raises."""
        ...

    async def last(self) -> Point:
        """The last change that has a position; `BEGINNING` if none ever had."""
        ...

    async def prune(self, retention_seconds: float) -> int:
        """Drops the oldest changes, at most `BATCH_LIMIT`; how many. Only the leader calls it."""
        ...

    async def aclose(self) -> None:
        """Ends the connection; never raises."""
        ...


OpenLog = Callable[[], Awaitable[ChangeLog]]
