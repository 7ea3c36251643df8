"""What relay and hub need of the change log; the SQL behind it stands elsewhere."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from weft.changes.change import Change

BATCH_LIMIT = 1000
"""The most changes that one call of `assign_positions`, `after` or `prune` is about."""


Prepare = Callable[[list[Change]], Awaitable[None]]


class ChangeLog(Protocol):
    """The log, over one connection of its own: one call at a time.

    Any method may raise what the database's driver raises; the log is of no use then, and is
    closed and opened anew.
    """

    async def try_lead(self) -> bool:
        """Whether this connection is now the only one that may assign positions.

        Leadership ends with the connection, and the server ends a leader's connection that has
        been silent for too long.
        """
        ...

    async def assign_positions(self, prepare: Prepare | None = None) -> list[Change]:
        """Gives positions to the first `BATCH_LIMIT` committed changes that have none, by their id.

        In order of position. Only the leader may call it. `prepare` is awaited with what was found,
        also if that is nothing, before anybody can see the positions, which are still 0.
        """
        ...

    async def after(self, position: int) -> list[Change]:
        """The first `BATCH_LIMIT` changes after `position`, in order.

        CursorExpired if some of them are gone, or if `position` was never assigned.
        """
        ...

    async def bounds(self) -> tuple[int, int]:
        """The positions after which `after` gives changes, or none: the first one and the last."""
        ...

    async def last_position(self) -> int:
        """The last position that was assigned; 0 if none ever was."""
        ...

    async def prune(self, retention_seconds: float) -> int:
        """Drops the oldest changes, at most `BATCH_LIMIT`; how many. Only the leader calls it."""
        ...

    async def aclose(self) -> None:
        """Ends the connection; never raises."""
        ...


OpenLog = Callable[[], Awaitable[ChangeLog]]
