"""A log for reading that is opened on first use, and again after it failed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from weft.changes.batch import Batch
from weft.changes.change import Point
from weft.changes.errors import CursorExpired
from weft.changes.log import ChangeLog, OpenLog

AnswerT = TypeVar("AnswerT")


class LogReader:
    """Runs the reads of any number of tasks, one after another, over one connection.

    Raises what opening or reading the log raises; the next read opens it again.
    """

    def __init__(self, open_log: OpenLog) -> None:
        self._open_log = open_log
        self._log: ChangeLog | None = None
        self.log_name: str | None = None
        """`ChangeLog.name` of the log that was opened last."""
        self._turn = asyncio.Lock()

    async def after(self, point: Point, *, page_start: int | None = None) -> Batch:
        """See `ChangeLog.after`."""
        return await self._read(lambda log: log.after(point, page_start=page_start))

    async def horizon(self, point: Point) -> int | None:
        """See `ChangeLog.horizon`."""
        return await self._read(lambda log: log.horizon(point))

    async def last(self) -> Point:
        """See `ChangeLog.last`."""
        return await self._read(lambda log: log.last())

    async def aclose(self) -> None:
        """Closes the log if it is open."""
        if self._log is not None:
            log, self._log = self._log, None
            await log.aclose()

    async def _read(self, read: Callable[[ChangeLog], Awaitable[AnswerT]]) -> AnswerT:
        async with self._turn:
            is_new = self._log is None
            if self._log is None:
                self._log = await self._open_log()
            try:
                if is_new:
                    self.log_name = await self._log.name()
                return await read(self._log)
            except CursorExpired:
                raise
            except Exception:
                await self.aclose()
                raise
