"""What ends a history of the database, and what a new connection finds."""

import asyncio
from collections.abc import AsyncGenerator

import asyncpg
import pytest

from loaders.item import item_by_id
from tests.own_postgresql import OwnPostgreSQL, own_postgresql
from tests.waiting import until
from weft.errors import Unavailable
from weft.postgres.answer_limits import AnswerLimits
from weft.postgres.database import Database
from weft.postgres.history import History, begin_another, history_of
from weft.postgres.opening import LAST_LEASE_SECONDS, Opener


@pytest.fixture(scope="module")
async def postgresql() -> AsyncGenerator[OwnPostgreSQL]:
    async with own_postgresql() as own:
        yield own


def database_of(postgresql: OwnPostgreSQL) -> Database:
    return Database(
        postgresql.dsn,
        read_connections=1,
        write_connections=1,
        statement_timeout_ms=60_000,
        observe=lambda sql, seconds: None,
        memory_bytes=1_000_000,
    )


async def found(postgresql: OwnPostgreSQL, user: str | None = None) -> History | None:
    raw = await asyncpg.connect(postgresql.dsn, user=user)
    try:
        return await history_of(raw)
    finally:
        raw.terminate()


async def name(postgresql: OwnPostgreSQL) -> str:
    history = await found(postgresql)
    assert history is not None
    return history.name


class TestHistory:
    async def test_concurrent_connections_find_the_same_history(
        self, postgresql: OwnPostgreSQL
    ) -> None:
        await postgresql.run("DELETE FROM histories")
        assert len(set(await asyncio.gather(*(name(postgresql) for _ in range(9))))) == 1

    async def test_each_kind_of_recovery_begins_another_history(
        self, postgresql: OwnPostgreSQL
    ) -> None:
        names = [await name(postgresql)]
        await postgresql.copy()
        names.append(await name(postgresql))
        for change in (postgresql.kill, postgresql.kill_backend, postgresql.put_back):
            await change()
            names.append(await name(postgresql))
        assert len(set(names)) == len(names)

    async def test_database_restored_from_a_dump_has_another_history(
        self, postgresql: OwnPostgreSQL
    ) -> None:
        before = await name(postgresql)
        await postgresql.run("UPDATE histories SET table_oid = 1")
        assert await name(postgresql) != before

    async def test_connection_that_only_reads_begins_a_history(
        self, postgresql: OwnPostgreSQL
    ) -> None:
        await postgresql.run("DELETE FROM histories")
        database = database_of(postgresql)
        await database.reading.check()
        await database.close()
        assert len(await postgresql.run("SELECT FROM histories")) == 1

    async def test_role_without_the_right_to_know_the_history_finds_none(
        self, postgresql: OwnPostgreSQL
    ) -> None:
        await postgresql.run("CREATE ROLE stranger LOGIN")
        assert await found(postgresql, user="stranger") is None

    async def test_standby_has_no_history_and_takes_no_writes(
        self, postgresql: OwnPostgreSQL
    ) -> None:
        before = await name(postgresql)
        await postgresql.become_standby()
        assert await found(postgresql) is None
        database = database_of(postgresql)
        await database.reading.check()
        with pytest.raises(Unavailable):
            async with database.write(None):
                pass
        await database.close()
        await postgresql.run("SELECT pg_promote()")
        assert await name(postgresql) != before


class TestWriter:
    async def test_writer_waits_until_no_lease_of_the_last_history_can_be_valid(
        self, postgresql: OwnPostgreSQL
    ) -> None:
        await postgresql.kill()
        opener = Opener(postgresql.dsn, AnswerLimits(), lambda _: None, is_fenced=True)
        opened = await opener.open_to_write("weft write", 60_000)
        history = await history_of(opened.raw)
        assert history is not None
        assert history.name == opened.name
        assert history.age_seconds >= LAST_LEASE_SECONDS
        opened.raw.terminate()


class TestBeginAnother:
    async def test_beginning_another_history_ends_only_connections_of_servers(
        self, postgresql: OwnPostgreSQL
    ) -> None:
        before, database = await name(postgresql), database_of(postgresql)
        ours, others = await database.connect("weft write"), await postgresql.connect()
        await begin_another(postgresql.dsn)
        await until(ours.raw.is_closed)
        assert await others.fetchval("SELECT 1") == 1
        await others.close()
        assert await name(postgresql) != before

    async def test_beginning_another_history_says_why_it_fails(
        self, postgresql: OwnPostgreSQL
    ) -> None:
        await postgresql.run("ALTER TABLE histories RENAME TO hidden")
        with pytest.raises(Unavailable, match="histories"):
            await begin_another(postgresql.dsn)
        await postgresql.run("ALTER TABLE hidden RENAME TO histories")


class TestRows:
    async def test_row_of_an_undone_transaction_is_not_confirmed_by_another_with_its_id(
        self, postgresql: OwnPostgreSQL
    ) -> None:
        assert await postgresql.psql(
            "INSERT INTO users (name, email) VALUES ('A', 'a@b.c'); "
            "INSERT INTO items (id, owner_id, title) OVERRIDING SYSTEM VALUE "
            "VALUES (1, (SELECT max(id) FROM users), 'First')"
        )
        await name(postgresql)
        await postgresql.copy()
        database = database_of(postgresql)
        for title in ("Undone", "Right"):
            await name(postgresql)
            await postgresql.run("UPDATE items SET title = $1 WHERE id = 1", title)
            for _ in range(5):  # until loads ask for its version first
                assert await title_of_item(database) == title
            await postgresql.put_back()
        await database.close()


async def title_of_item(database: Database) -> str:
    titles: list[str] = []

    async def is_read() -> bool:
        try:
            [row] = await database.reads.submit(item_by_id, [1])
        except Unavailable:
            return False
        titles.append(row.title)
        return True

    await until(is_read)
    return titles[0]
