"""Each COMMIT that wrote something is announced, in the one place that commits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import pytest

from db.accounts.rights import SessionRights
from db.accounts.user import UPDATE_USER
from db.item_update import ItemUpdate, update_unlocked_items
from tests.db.rights import ADMIN, ENDED, NOW, OWNERS, open_sessions
from weft.errors import Forbidden, Unauthenticated
from weft.postgres.database import Database


@pytest.fixture
async def announced() -> list[None]:
    return []


@pytest.fixture
async def database(
    connection: asyncpg.Connection, database_url: str, announced: list[None]
) -> AsyncIterator[Database]:
    """Yields a database with three members and an admin; the first member has items."""
    await connection.execute(
        "INSERT INTO users (name, email) "
        "SELECT 'Ada', number || '@weft.test' FROM generate_series(1, 3) AS number"
    )
    await connection.execute(
        "INSERT INTO items (owner_id, title) SELECT 1, 'Item' FROM generate_series(1, 64)"
    )
    await open_sessions(connection)
    database = Database(
        database_url,
        read_connections=1,
        write_connections=4,
        statement_timeout_ms=60_000,
        observe=lambda _sql, _seconds: None,
        announce=lambda: announced.append(None),
    )
    yield database
    await database.close()


async def rename(database: Database, key: int, rights: SessionRights | None = None) -> None:
    async with database.write(rights) as transaction:
        await transaction.all(UPDATE_USER, key=key, new_name="New", new_email=None)


class TestCommit:
    async def test_commit_is_announced_if_it_wrote(
        self, database: Database, announced: list[None], connection: asyncpg.Connection
    ) -> None:
        await rename(database, 1)
        assert len(announced) == 1
        await rename(database, 99)
        async with database.write(None):
            pass
        with suppress(KeyError):
            async with database.write(None) as transaction:
                await transaction.all(UPDATE_USER, key=1, new_name="Lost", new_email=None)
                raise KeyError
        assert len(announced) == 1

    async def test_commit_of_joined_writes_is_announced_once_for_all(
        self, database: Database, announced: list[None]
    ) -> None:
        updates = [ItemUpdate(id, None, OWNERS[0], title="New") for id in range(1, 65)]
        asked = [database.joined.submit(update_unlocked_items, u.id, u) for u in updates]
        assert None not in await asyncio.gather(*asked)
        assert len(announced) == database.joined.transactions == 2
        assert (
            await database.joined.submit(
                update_unlocked_items, 1, ItemUpdate(1, None, OWNERS[1], title="Not mine")
            )
            is None
        )
        assert len(announced) == 2

    async def test_write_whose_rights_have_ended_is_not_announced(
        self, database: Database, announced: list[None], connection: asyncpg.Connection
    ) -> None:
        expired = SessionRights(1, False, lambda: NOW.replace(year=2031))
        for rights, error in (
            (ENDED[0], Unauthenticated),
            (expired, Unauthenticated),
            (ENDED[1], Forbidden),
        ):
            with pytest.raises(error):
                await rename(database, 1, rights)
        assert announced == []
        await rename(database, 1, ADMIN)
        assert len(announced) == 1
