"""A log for reading that is opened when first needed, and anew after it failed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from weft.changes.change import Change
from weft.changes.errors import CursorExpired
from weft.changes.log import ChangeLog, OpenLog

AnswerT = TypeVar("AnswerT")


class LogReader:
    """Reads of any number of tasks, one after another, over one connection.

    Raises what opening or reading the log raises; the next read opens it anew.
    """

    def __init__(self, open_log: OpenLog) -> None:
        self._open_log = open_log
        self._log: ChangeLog | None = None
        self._turn = asyncio.Lock()

    async def after(self, position: int) -> list[Change]:
        """As `ChangeLog.after`."""
        return await self._read(lambda log: log.after(position))

    async def bounds(self) -> tuple[int, int]:
        """As `ChangeLog.bounds`."""
        return await self._read(lambda log: log.bounds())

    async def last_position(self) -> int:
        """As `ChangeLog.last_position`."""
        return await self._read(lambda log: log.last_position())

    async def aclose(self) -> None:
        """Closes the log if it is open."""
        if self._log is not None:
            log, self._log = self._log, None
            await log.aclose()

    async def _read(self, read: Callable[[ChangeLog], Awaitable[AnswerT]]) -> AnswerT:
        async with self._turn:
            if self._log is None:
                self._log = await self._open_log()
            try:
                return await read(self._log)
            except CursorExpired:
                raise
            except Exception:
                await self.aclose()
                raise
