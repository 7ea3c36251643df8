"""The change log as the relay and the hub use it; its SQL is elsewhere."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from weft.changes.batch import Batch
from weft.changes.change import Change, Point

BATCH_LIMIT = 1000
"""The most changes that one call of `assign_positions`, `after` or `prune` handles."""


Prepare = Callable[[list[Change]], Awaitable[None]]


class ChangeLog(Protocol):
    """The log, over one connection of its own: one call at a time.

    Any method may raise what the database's driver raises; the log is unusable then, and has to be
    closed and opened again.
    """

    @property
    def history(self) -> str | None:
        """Names the database's history, to which the changes' `xid`s belong; None if not known."""
        ...

    async def try_lead(self) -> bool:
        """Returns whether this connection is now the only one that may assign positions.

        Leadership ends with the connection, and the server closes a leader's connection that has
        been silent for too long.
        """
        ...

    async def name(self) -> str:
        """Returns the log's name among all that share a Redis; equal on all connections to it."""
        ...

    async def assign_positions(self, prepare: Prepare | None = None) -> Batch:
        """Gives positions to the first `BATCH_LIMIT` committed changes without one, by their id.

        Returns them in order of position. Only the leader may call it. `prepare` is awaited with
        the changes that were found, even if there are none, before their positions become visible;
        in these changes the positions are still 0. The start of an empty batch is meaningless.
        """
        ...

    async def after(self, point: Point, *, page_start: int | None = None) -> Batch:
        """Returns the first `BATCH_LIMIT` changes after `point`, in order.

        Raises CursorExpired if some of them were pruned, or if the log does not contain `point`: it
        never did, or another history has replaced it. With `page_start`, a position that is not
        higher, returns the changes after that position, without pruned ones.
        """
        ...

    async def horizon(self, point: Point) -> int | None:
        """Returns the first position after which all changes are kept.

        None if the log does not contain `point`.
        """
        ...

    async def last(self) -> Point:
        """Returns the last change with a position; `BEGINNING` if none ever had one."""
        ...

    async def prune(self, retention_seconds: float) -> int:
        """Deletes the oldest changes, at most `BATCH_LIMIT`; returns how many. Leader only."""
        ...

    async def aclose(self) -> None:
        """Closes the connection; never raises."""
        ...


OpenLog = Callable[[], Awaitable[ChangeLog]]
