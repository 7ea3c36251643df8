"""Health of the pools that serve: by their last answer, or by a query on an idle connection."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from time import perf_counter
from typing import Any

import asyncpg
import pytest

from tests.forwarder import forwarding, postgresql_socket, through
from tests.waiting import soon, until
from weft.cache.snapshot_bound import UNREAD
from weft.errors import Unavailable
from weft.postgres.answer_limits import AnswerLimits
from weft.postgres.database import Database
from weft.postgres.health import DatabaseHealth
from weft.postgres.own_writes import PING
from weft.postgres.pool import FRESH_SECONDS, ServingPool
from weft.postgres.revision import REVISION, WrongRevision

BUSY_SECONDS = 3.0
CONNECTIONS = """SELECT application_name, count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'weft %' GROUP BY 1"""


@asynccontextmanager
async def serving(dsn: str, statements: list[str]) -> AsyncGenerator[Database]:
    database = Database(
        dsn,
        read_connections=1,
        write_connections=1,
        search_connections=1,
        statement_timeout_ms=30_000,
        observe=lambda sql, seconds: statements.append(sql),
        limits=AnswerLimits(connect_seconds=30.0, busy_seconds=BUSY_SECONDS),
    )
    yield database
    await database.close()


@pytest.fixture
def statements() -> list[str]:
    return []


@pytest.fixture
async def database(
    connection: asyncpg.Connection, database_url: str, statements: list[str]
) -> AsyncIterator[Database]:
    async with serving(database_url, statements) as database:
        yield database


def grow_old(pool: ServingPool[Any], seconds: float) -> None:
    """Makes all answers of the pool so many seconds older."""
    pool._answered_at -= seconds  # pyright: ignore[reportPrivateUsage]
    for connection in pool._opened:  # pyright: ignore[reportPrivateUsage]
        connection.answered_at -= seconds


async def until_connected(pool: ServingPool[Any]) -> None:
    async with pool.lend() as connection:
        await connection.all(PING)


class TestServingPool:
    async def test_pool_that_has_just_served_is_not_queried(
        self, database: Database, statements: list[str]
    ) -> None:
        await until_connected(database.reading)
        statements.clear()
        database.reading._opened[0].answered_at = perf_counter() + 60  # pyright: ignore[reportPrivateUsage]
        await database.reading.check()
        assert statements == []

    async def test_idle_pool_is_queried_on_the_connection_that_serves(
        self, database: Database, statements: list[str], connection: asyncpg.Connection
    ) -> None:
        for pool in (database.reading, database.writing, database.searching):
            await until_connected(pool)
            grow_old(pool, FRESH_SECONDS)
        statements.clear()
        for pool in (database.reading, database.writing, database.searching):
            await pool.check()
        assert statements == [PING.sql] * 3
        held = dict(await connection.fetch(CONNECTIONS))
        assert held == {"weft read": 1, "weft write": 1, "weft search": 1}

    async def test_busy_pool_is_healthy_as_long_as_its_last_answer_is_recent(
        self, database: Database
    ) -> None:
        async with database.reading.lend() as reading:
            grow_old(database.reading, FRESH_SECONDS)
            await soon(database.reading.check())
            grow_old(database.reading, BUSY_SECONDS)
            with pytest.raises(Unavailable):
                await soon(database.reading.check())
            await reading.all(PING)
            await soon(database.reading.check())

    async def test_pool_that_never_had_a_connection_opens_one_and_keeps_it(
        self, database: Database, connection: asyncpg.Connection
    ) -> None:
        for _ in range(2):
            await database.writing.check()
        assert dict(await connection.fetch(CONNECTIONS)) == {"weft write": 1}

    async def test_pool_with_a_silent_connection_is_unhealthy_and_ends_it(
        self, connection: asyncpg.Connection, database_url: str
    ) -> None:
        async with (
            forwarding(postgresql_socket(database_url)) as network,
            serving(through(network, database_url), []) as database,
        ):
            await until_connected(database.reading)
            network.silence()
            grow_old(database.reading, FRESH_SECONDS)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await database.reading.check()
            await network.mend()
            await soon(database.reading.check())
            assert network.accepted == 2


class TestDatabaseHealth:
    async def test_database_is_healthy_on_one_connection_of_each_kind(
        self, database: Database
    ) -> None:
        health = DatabaseHealth(database)
        looks = [check() for check in health.checks.values()]
        await soon(asyncio.gather(*looks, health.check_searching()))
        assert await health.relay_lag_seconds() == 0

    async def test_check_fails_when_no_read_can_be_served(
        self, connection: asyncpg.Connection, database_url: str, statements: list[str]
    ) -> None:
        """asyncpg refuses a read-only session where `target_session_attrs` is `read-write`."""
        dsn = f"{database_url}&target_session_attrs=read-write"
        async with serving(dsn, statements) as database:
            checks = DatabaseHealth(database).checks
            await checks["writing"]()
            with pytest.raises(Unavailable):
                await checks["reading"]()

    async def test_revision_is_remembered_while_all_connections_are_busy(
        self, database: Database
    ) -> None:
        check = DatabaseHealth(database).checks["migrations"]
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(database.searching.lend())
            async with database.reading.lend():
                with pytest.raises(WrongRevision):  # not read yet
                    await soon(check())
            await check()
            await stack.enter_async_context(database.reading.lend())
            await soon(check())

    async def test_another_revision_is_noticed(
        self, database: Database, connection: asyncpg.Connection, statements: list[str]
    ) -> None:
        health = DatabaseHealth(database)
        await connection.execute("UPDATE alembic_version SET version_num = '-' || version_num")
        try:
            with pytest.raises(WrongRevision):
                await health.checks["migrations"]()
        finally:
            await connection.execute(
                "UPDATE alembic_version SET version_num = substr(version_num, 2)"
            )
        await health.checks["migrations"]()
        assert statements.count(REVISION.sql) == 2
        assert not await _is_reopened(database)

    async def test_check_leaves_the_snapshot_of_the_next_batch_unread(
        self, database: Database
    ) -> None:
        await DatabaseHealth(database).checks["migrations"]()
        async with database.reading.lend() as reading:
            assert reading._xmin == UNREAD  # pyright: ignore[reportPrivateUsage]

    async def test_check_succeeds_again_once_connections_can_be_reopened(
        self, database: Database, connection: asyncpg.Connection
    ) -> None:
        health = DatabaseHealth(database)
        await health.checks["reading"]()
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
            "WHERE application_name = 'weft read' AND datname = current_database()"
        )

        async def is_well() -> bool:
            try:
                await health.checks["reading"]()
            except Unavailable:
                return False
            return True

        await until(is_well)


async def _is_reopened(database: Database) -> bool:
    """Returns whether a connection was closed because of what was found on it."""
    opened = database.reading._opened  # pyright: ignore[reportPrivateUsage]
    return any(one.is_closed for one in opened)
