"""A cancellation at any moment ends every part that retries, in any state of its servers."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from tests.cancellation.runners import (
    BY_POSTGRESQL,
    BY_REDIS,
    Run,
    Servers,
    run_outbox,
    run_resuming_listener,
)
from tests.cancellation.states import (
    POSTGRESQL_STATES,
    REDIS_STATES,
    SMTP_STATES,
    postgresql_in,
    redis_in,
    smtp_in,
)
from tests.waiting import PATIENCE_SECONDS
from weft.postgres.database import Database

MOMENTS = 120
"""The cancellation comes after 0 to `MOMENTS` - 1 turns of the event loop."""
AT_ONCE = 10
ENDS_SECONDS = 20
"""Far more than any part takes on a busy machine; redis-py itself retries for longer."""


@asynccontextmanager
async def servers(redis_url: str, dsn: str, smtp_url: str = "") -> AsyncGenerator[Servers]:
    database = Database(
        dsn,
        read_connections=1,
        write_connections=2,
        statement_timeout_ms=30_000,
        observe=lambda _sql, _seconds: None,
    )
    async with Redis.from_url(redis_url) as redis:
        yield Servers(redis_url, redis, database, smtp_url)
        await database.close()


async def cancelled_after(turns: int, run: Run, servers: Servers) -> bool:
    """Returns whether a cancellation after so many turns of the event loop ends the run."""
    task = asyncio.ensure_future(run(servers))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=ENDS_SECONDS)
    ended = task.cancelled()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not task.done():  # after a lost cancellation, another one ends it
            task.cancel()
            await asyncio.wait([task], timeout=0.1)
    return ended


async def never_ended(run: Run, servers: Servers) -> list[int]:
    """Returns the numbers of turns of the event loop after which the cancellation was lost."""
    lost: list[int] = []
    for first in range(0, MOMENTS, AT_ONCE):
        moments = range(first, first + AT_ONCE)
        ended = await asyncio.gather(*(cancelled_after(n, run, servers) for n in moments))
        lost += [n for n, has_ended in zip(moments, ended, strict=True) if not has_ended]
    return lost


class TestCancellation:
    @pytest.mark.parametrize("state", REDIS_STATES)
    @pytest.mark.parametrize("run", BY_REDIS)
    async def test_cancellation_is_not_lost_over_redis(
        self, run: Run, state: str, database_url: str, directory: Path
    ) -> None:
        async with redis_in(state, directory) as url, servers(url, database_url) as used:
            assert await never_ended(run, used) == []

    @pytest.mark.parametrize("state", POSTGRESQL_STATES)
    @pytest.mark.parametrize("run", BY_POSTGRESQL)
    async def test_cancellation_is_not_lost_over_postgresql(
        self, run: Run, state: str, database_url: str, directory: Path
    ) -> None:
        async with (
            redis_in("well", directory) as url,
            postgresql_in(state, directory, database_url) as dsn,
            servers(url, dsn) as used,
        ):
            assert await never_ended(run, used) == []

    async def test_cancellation_is_not_lost_by_a_resuming_listener(
        self, database_url: str, directory: Path
    ) -> None:
        async with redis_in("well", directory) as url, servers(url, database_url) as used:
            assert await never_ended(run_resuming_listener, used) == []

    @pytest.mark.parametrize("state", SMTP_STATES)
    async def test_cancellation_is_not_lost_over_smtp(
        self, state: str, database_url: str, directory: Path
    ) -> None:
        async with (
            redis_in("gone", directory) as url,
            smtp_in(state) as smtp_url,
            servers(url, database_url, smtp_url) as used,
        ):
            assert await never_ended(run_outbox, used) == []
