"""Whether the database serves this process; asks on connections that serve, and waits for none."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import asyncpg

from weft.postgres.change_log import RELAY_LAG_SECONDS
from weft.postgres.connection import ReadConnection
from weft.postgres.database import Database
from weft.postgres.revision import WrongRevision, check_revision


class DatabaseHealth:
    """Checks for `weft.telemetry.health`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # One after the other: there may be one reading connection only.
        self._looking = asyncio.Lock()
        self._problem: str | None = "The revision of the database is not known yet."

    @property
    def checks(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What no operation can do without."""
        return {
            "reading": self._check_reading,
            "writing": self._database.writing.check,
            "migrations": self._check_migrations,
        }

    async def check_searching(self) -> None:
        """Returns if searches, filters and counts have a connection that answers."""
        await self._database.searching.check()

    async def relay_lag_seconds(self) -> float | None:
        """How late the change log is, whichever process leads it; None if all are busy."""
        async with self._looking, self._idle_reader() as connection:
            if connection is None:
                return None
            [seconds] = await connection.all(RELAY_LAG_SECONDS)
            return round(seconds, 3)

    async def _check_reading(self) -> None:
        async with self._looking:
            await self._database.reading.check()

    async def _check_migrations(self) -> None:
        """While all connections are busy, what was found last counts."""
        async with self._looking, self._idle_reader() as connection:
            if connection is not None:
                self._problem = await _problem_of(connection)
        if self._problem is not None:
            raise WrongRevision(self._problem)

    @asynccontextmanager
    async def _idle_reader(self) -> AsyncGenerator[ReadConnection | None]:
        async with self._database.reading.idle() as reader:
            if reader is not None:
                yield reader
                return
        async with self._database.searching.idle() as searcher:
            yield searcher


async def _problem_of(connection: ReadConnection) -> str | None:
    try:
        await check_revision(connection)
    except (WrongRevision, asyncpg.UndefinedTableError) as error:
        return str(error)
    return None
