"""Shutdown of a process: each of its parts ends, or is named in the log."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

import structlog

_log = structlog.get_logger(__name__)


class Shutdown:
    """Ends parts one after another, all within `seconds` from now; never raises.

    `unfinished` names the parts that had not ended by then, for which it waits no longer.
    """

    def __init__(self, seconds: float) -> None:
        self.unfinished: list[str] = []
        self._ends_at = asyncio.get_running_loop().time() + seconds

    async def cancel(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        """Cancels tasks at once and waits for all of them; the log has them by name."""
        tasks = list(tasks)
        for task in tasks:
            task.cancel()
        await self._wait(tasks)

    async def close(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Waits for `work`, and cancels it when the time is over."""
        task = asyncio.create_task(work, name=name)
        await self._wait([task])
        task.cancel()

    async def _wait(self, tasks: list[asyncio.Task[Any]]) -> None:
        left_seconds = self._ends_at - asyncio.get_running_loop().time()
        ended, pending = await asyncio.wait(tasks, timeout=max(0, left_seconds))
        for task in pending:
            self.unfinished.append(task.get_name())
            _log.error("shutdown_unfinished", part=task.get_name())
        for task in ended:
            if not task.cancelled() and (error := task.exception()) is not None:
                _log.error("shutdown_failed", part=task.get_name(), exc_info=error)
