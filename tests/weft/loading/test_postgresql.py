"""Batches on real connections: lost connections, slow statements, and two at once."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress

import asyncpg
import pytest
import sqlalchemy as sa

from db.recorded import touched
from tests.waiting import soon, until
from tests.weft.loading.warehouse import outcomes
from weft.errors import Unavailable
from weft.loading.failure import LoadError
from weft.postgres.connection import ReadConnection
from weft.postgres.database import Database
from weft.postgres.statement import Statement

SLEEP = Statement(
    sa.select(sa.func.pg_sleep(sa.bindparam("seconds", type_=sa.Float))), lambda slept: slept
)
BACKEND = Statement(sa.select(sa.func.pg_backend_pid()), lambda pid: pid)
READERS = """
SELECT pid FROM pg_stat_activity
WHERE application_name = 'weft read' AND datname = current_database()
"""


async def sleep(connection: ReadConnection, keys: Sequence[float]) -> Sequence[float]:
    for key in keys:
        await connection.all(SLEEP, seconds=key)
    return keys


async def backend(connection: ReadConnection, keys: Sequence[str]) -> list[int]:
    return [pid for _ in keys for pid in await connection.all(BACKEND)]


async def other_backend(connection: ReadConnection, keys: Sequence[str]) -> list[int]:
    return await backend(connection, keys)


@pytest.fixture
async def database(connection: asyncpg.Connection, database_url: str) -> AsyncIterator[Database]:
    database = Database(
        database_url,
        read_connections=2,
        write_connections=1,
        statement_timeout_ms=60_000,
        observe=lambda sql, seconds: None,
    )
    yield database
    await database.close()


async def until_asleep(connection: asyncpg.Connection, count: int = 1) -> list[int]:
    """Waits until `count` backends sleep, and returns their process ids."""
    sleeping: list[int] = []

    async def are_asleep() -> bool:
        rows = await connection.fetch(f"{READERS} AND wait_event = 'PgSleep'")
        sleeping[:] = [row["pid"] for row in rows]
        return len(sleeping) == count

    await until(are_asleep)
    return sleeping


async def until_gone(connection: asyncpg.Connection, backends: str) -> None:
    async def are_gone() -> bool:
        return not await connection.fetch(backends)

    await until(are_gone)


class CancelledFences:
    """Fences that cancel a borrower as soon as it has connected."""

    def __init__(self) -> None:
        self.named = asyncio.Event()

    def use_history(self, history: str, /) -> None:
        self.named.set()
        raise asyncio.CancelledError

    async def raise_before_commit(
        self, history: str | None, tags: Iterable[str], transaction_id: int
    ) -> float:
        return 0


class TestLostConnection:
    async def test_lost_connection_fails_its_calls_and_is_replaced(
        self, database: Database, connection: asyncpg.Connection
    ):
        asked = [database.reads.submit(sleep, [60.0]) for _ in range(3)]
        (pid,) = await until_asleep(connection)
        await connection.execute("SELECT pg_terminate_backend($1)", pid)
        errors = await outcomes(asked)
        assert [type(error) for error in errors] == [Unavailable] * 3
        assert len({id(error) for error in errors}) == 3
        (found,) = await soon(database.reads.submit(backend, ["any"]))
        assert found != pid

    async def test_connection_lost_while_idle_is_replaced(
        self, database: Database, connection: asyncpg.Connection
    ):
        (pid,) = await soon(database.reads.submit(backend, ["any"]))
        await connection.execute("SELECT pg_terminate_backend($1, 60000)", pid)
        # A load before the loss is noticed may fail; the next load is answered.
        outcome = await outcomes([database.reads.submit(backend, ["any"])])
        assert isinstance(outcome[0], Unavailable | list)
        assert await soon(database.reads.submit(backend, ["any"])) != [pid]


class TestStatementTimeout:
    async def test_statement_timeout_fails_its_calls_and_keeps_the_connection(
        self, connection: asyncpg.Connection, database_url: str
    ):
        database = Database(
            database_url,
            read_connections=1,
            write_connections=1,
            statement_timeout_ms=100,
            observe=lambda sql, seconds: None,
        )

        backends: list[int] = []

        async def is_answered() -> bool:
            """On a busy machine even this statement may take too long."""
            with suppress(Unavailable):
                backends.extend(await database.reads.submit(backend, ["any"]))
                return True
            return False

        await until(is_answered)
        with pytest.raises(Unavailable):
            await soon(database.reads.submit(sleep, [60.0]))
        await until(is_answered)
        assert backends[0] == backends[1]
        await database.close()


class TestConnections:
    async def test_two_connections_run_two_statements_at_once(
        self, database: Database, connection: asyncpg.Connection
    ):
        asked = database.reads.submit(sleep, [60.0])
        (sleeping,) = await until_asleep(connection)
        (found,) = await soon(database.reads.submit(backend, ["any"]))
        assert found != sleeping
        await connection.execute("SELECT pg_cancel_backend($1)", sleeping)
        await outcomes([asked])


class TestUnreachable:
    async def test_unreachable_database_fails_every_call(
        self, tmp_path_factory: pytest.TempPathFactory
    ):
        nowhere = tmp_path_factory.mktemp("nowhere")
        database = Database(
            f"postgresql://postgres@/none?host={nowhere}",
            read_connections=1,
            write_connections=1,
            statement_timeout_ms=100,
            observe=lambda sql, seconds: None,
        )
        asked = [database.reads.submit(fetch, ["any"]) for fetch in (backend, other_backend)]
        assert [type(error) for error in await outcomes(asked)] == [Unavailable, Unavailable]
        await database.close()


class TestClose:
    async def test_close_leaves_no_task_and_no_connection(
        self, database: Database, connection: asyncpg.Connection
    ):
        before = asyncio.all_tasks()
        asked = database.reads.submit(sleep, [60.0])
        await until_asleep(connection)
        await database.close()
        assert isinstance(asked.exception(), LoadError)
        assert asyncio.all_tasks() <= before

        await until_gone(connection, READERS)

    async def test_close_during_a_connect_leaves_no_connection(
        self, connection: asyncpg.Connection, database_url: str
    ):
        fences = CancelledFences()
        database = Database(
            database_url,
            read_connections=1,
            write_connections=1,
            statement_timeout_ms=60_000,
            observe=lambda sql, seconds: None,
            fences=fences,
            touched=touched,
        )
        asked = database.reads.submit(backend, ["any"])
        await soon(fences.named.wait())
        await database.close()
        assert isinstance(asked.exception(), LoadError)
        await until_gone(connection, READERS)

    async def test_connection_in_use_is_closed_when_it_is_given_back(
        self, database: Database, connection: asyncpg.Connection
    ):
        async with database.write(None) as transaction:
            await database.close()
            assert await transaction.all(BACKEND)
        await until_gone(connection, READERS.replace("weft read", "weft write"))
