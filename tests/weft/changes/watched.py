"""A log whose reads a test counts and lets through one by one."""

import asyncio
from typing import Any

from tests.weft.changes.site import NEVER_MS, Site, hears, running, write
from weft.changes.batch import Batch
from weft.changes.change import Point
from weft.changes.hub import Hub
from weft.postgres.change_log import PostgresChangeLog


class WatchedLog(PostgresChangeLog):
    """Records the positions after which it was read."""

    def __init__(self, connection: Any, gate: asyncio.Semaphore | None) -> None:
        super().__init__(connection)
        self.reads: list[int] = []
        self.checks = 0
        self._gate = gate

    async def horizon(self, point: Point) -> int | None:
        self.checks += 1
        return await super().horizon(point)

    async def after(self, point: Point, *, page_start: int | None = None) -> Batch:
        self.reads.append(point.position if page_start is None else page_start)
        if self._gate is not None:
            await self._gate.acquire()
        return await super().after(point, page_start=page_start)


class Watched:
    """A hub that never polls, over a log with `changes`; its second connection is watched."""

    def __init__(self, site: Site, *, gated: bool = False) -> None:
        self._site = site
        self._logs: list[WatchedLog] = []
        self.gate = asyncio.Semaphore(0) if gated else None
        self.hub = Hub(self._open_log, site.redis, site.prefix, poll_ms=NEVER_MS)

    @property
    def reads(self) -> list[int]:
        """The positions after which the log was read for listeners that were behind."""
        return self._logs[1].reads if len(self._logs) > 1 else []

    @property
    def checks(self) -> int:
        """How often the log was checked for what it still keeps."""
        return self._logs[1].checks if len(self._logs) > 1 else 0

    async def start(self, changes: int) -> PostgresChangeLog:
        """Writes `changes` changes before the hub starts; returns the log that leads."""
        log = await self._site.leading_log()
        await write(self._site, *range(changes))
        while await log.assign_positions():
            pass
        await self._site.stack.enter_async_context(running(self.hub.run()))
        await self.hub.started()
        await hears(self._site)
        return log

    async def _open_log(self) -> WatchedLog:
        # The hub's own reads never wait at the gate.
        gate = self.gate if self._logs else None
        self._logs.append(WatchedLog(await self._site.database.connect(), gate))
        return self._logs[-1]
