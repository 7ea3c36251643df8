import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
import sqlalchemy as sa

from db.accounts.user import UPDATE_USER
from weft.errors import Unavailable
from weft.postgres.connection import Duplicate, WriteTransaction
from weft.postgres.database import Database
from weft.postgres.statement import Statement


@pytest.fixture
async def database(connection: asyncpg.Connection, database_url: str) -> AsyncIterator[Database]:
    """Yields a database with one writing connection, as the last transaction left it."""
    await connection.execute(
        "INSERT INTO users (name, email) VALUES ('A', 'a@b.c'), ('B', 'b@b.c')"
    )
    database = Database(
        database_url,
        read_connections=1,
        write_connections=1,
        statement_timeout_ms=60_000,
        observe=lambda sql, seconds: None,
    )
    yield database
    await database.close()


async def rename(transaction: WriteTransaction, name: str, email: str | None = None) -> None:
    await transaction.first(UPDATE_USER, key=1, new_name=name, new_email=email)


async def name(connection: asyncpg.Connection) -> str | None:
    return await connection.fetchval("SELECT name FROM users WHERE id = 1")


class TestWrite:
    async def test_write_is_committed_when_its_block_ends(
        self, database: Database, connection: asyncpg.Connection
    ) -> None:
        async with database.write(None) as transaction:
            await rename(transaction, "New")
            assert await name(connection) == "A"
        assert await name(connection) == "New"

    async def test_connection_can_write_after_each_kind_of_failure(
        self, database: Database, connection: asyncpg.Connection
    ) -> None:
        async def breaks_a_rule(transaction: WriteTransaction) -> None:
            await rename(transaction, "Lost", email="B@B.C")

        async def raises(transaction: WriteTransaction) -> None:
            raise KeyError

        async def takes_too_long(transaction: WriteTransaction) -> None:
            await transaction.raw.execute("SET LOCAL statement_timeout = 1")
            await transaction.all(Statement(sa.select(sa.func.pg_sleep(60)), lambda slept: slept))

        async def is_cancelled(transaction: WriteTransaction) -> None:
            raise asyncio.CancelledError

        async def loses_its_connection(transaction: WriteTransaction) -> None:
            pid = transaction.raw.get_server_pid()
            await connection.execute("SELECT pg_terminate_backend($1, 60000)", pid)
            await rename(transaction, "Lost")

        async def lose(fail: Callable[[WriteTransaction], Awaitable[None]]) -> None:
            async with database.write(None) as transaction:
                await rename(transaction, "Lost")
                await fail(transaction)

        for number, (fail, error) in enumerate(
            (
                (breaks_a_rule, Duplicate),
                (raises, KeyError),
                (takes_too_long, Unavailable),
                (is_cancelled, asyncio.CancelledError),
                (loses_its_connection, Unavailable),
            )
        ):
            before = await name(connection)
            with pytest.raises(error):
                await lose(fail)
            assert await name(connection) == before
            async with database.write(None) as transaction:
                await rename(transaction, f"After {number}")
            assert await name(connection) == f"After {number}"
