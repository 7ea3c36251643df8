"""Updates by one statement give what they would give one after the other, and never wait."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from msgspec import UNSET, structs

from db.item import ItemRow, ItemStatus
from db.item_update import (
    UPDATE_ITEMS,
    UPDATE_UNLOCKED_ITEMS,
    ItemUpdate,
    update_item,
    update_unlocked_items,
)
from db.recorded import touched
from tests.db.rights import ADMIN, ENDED, OWNERS, open_sessions
from tests.loaders.conftest import some_items, some_users, store
from tests.waiting import until
from weft.errors import Unavailable
from weft.postgres.database import Database
from weft.postgres.statement import Statement

ITEMS, USERS = 12, 3
STATE = """
SELECT id, owner_id, title, description, status, tags, version FROM items ORDER BY id
"""
FOUND_BY_OTHER_WORDS = """
SELECT id FROM items WHERE strip(title_search || description_search)
  <> strip(to_tsvector('english', title || ' ' || coalesce(description, '')))
"""
LOGGED = "SELECT entity, key, kind, before, after FROM changes ORDER BY key, id"
NOTHING = Statement(sa.select(sa.literal_column("1")), lambda one: one)
WRITERS = """
SELECT pid FROM pg_stat_activity
WHERE application_name = 'weft write' AND datname = current_database()
"""


@pytest.fixture
async def items(connection: asyncpg.Connection) -> asyncpg.Connection:
    """Returns a connection to look at a database with some users and items."""
    chance = random.Random(7)
    await store(connection, "users", some_users(chance, USERS))
    await store(connection, "items", some_items(chance, ITEMS, USERS))
    await open_sessions(connection)
    await connection.execute("TRUNCATE changes")
    return connection


@pytest.fixture
async def fences() -> "CountedFences":
    return CountedFences()


class CountedFences:
    """Remembers which tags were to be raised, and for which transaction."""

    def __init__(self) -> None:
        self.raised: list[tuple[set[str], int]] = []

    def use_history(self, history: str, /) -> None: ...

    async def raise_before_commit(self, history: Any, tags: Any, transaction_id: int) -> float:
        self.raised.append((set(tags), transaction_id))
        return 0


@pytest.fixture
async def database(database_url: str, fences: CountedFences) -> AsyncIterator[Database]:
    database = Database(
        database_url,
        read_connections=1,
        write_connections=4,
        statement_timeout_ms=60_000,
        observe=lambda _sql, _seconds: None,
        fences=fences,
        touched=touched,
    )
    yield database
    await database.close()


def some_update(chance: random.Random, id: int, *, describes: bool = True) -> ItemUpdate:
    def maybe(value: Any) -> Any:
        return value if chance.random() < 0.5 else UNSET

    return ItemUpdate(
        id,
        chance.choice([None, None, 1, 2]),
        chance.choice([None, ADMIN, *OWNERS, *ENDED]),
        title=maybe(chance.choice(["New", '{a,"b"}', "\\", "é"])),
        description=maybe(chance.choice([None, "", "text"])) if describes else UNSET,
        status=maybe(chance.choice(list(ItemStatus))),
        tags=maybe(chance.choice([[], ["b", "a"], ["{}", '"', "\\", ",", "null", " x "]])),
    )


async def until_there(connection: asyncpg.Connection, rows: str) -> None:
    """Waits until the statement gives rows."""

    async def are_there() -> bool:
        return bool(await connection.fetch(rows))

    await until(are_there)


async def joined(database: Database, updates: Sequence[ItemUpdate]) -> list[ItemRow | None]:
    """Returns the outcome of each update; all are submitted in one turn of the event loop."""
    asked = [database.joined.submit(update_unlocked_items, u.id, u) for u in updates]
    return await asyncio.gather(*asked)


def plain(rows: Sequence[ItemRow | None]) -> list[Any]:
    return [row and (*structs.astuple(row)[:7],) for row in rows]


class TestUpdates:
    async def test_updates_by_one_statement_equal_updates_one_after_the_other(
        self, items: asyncpg.Connection, database: Database
    ) -> None:
        chance = random.Random(11)

        async def becomes(updates: Sequence[ItemUpdate], together: bool) -> list[Any]:
            """Returns the rows, items and logged changes of a transaction that is rolled back."""
            found: list[Any] = []
            with suppress(Undo):
                async with database.write(None) as transaction:
                    if together:
                        rows = await update_unlocked_items(transaction, updates)
                    else:
                        rows = [await update_item(transaction, update) for update in updates]
                    told = await transaction.written()
                    raw = transaction.raw
                    found += [plain(rows), await raw.fetch(STATE), await raw.fetch(LOGGED)]
                    # The writes that a statement reports are those that the triggers have recorded.
                    await transaction.all(NOTHING)
                    recorded = await transaction.written()
                    assert [w for w in told if w not in recorded] == []
                    assert [w for w in recorded if w not in told] == []
                    raise Undo
            return found

        for _ in range(60):
            ids = chance.sample(range(1, ITEMS + 4), chance.randint(1, ITEMS))
            describes = chance.random() < 0.5
            updates = [some_update(chance, id, describes=describes) for id in ids]
            assert await becomes(updates, True) == await becomes(updates, False)
            one = some_update(chance, chance.randint(1, ITEMS), describes=describes)
            await joined(database, [one])
            assert await items.fetch(FOUND_BY_OTHER_WORDS) == []

    @pytest.mark.parametrize("statements", [UPDATE_ITEMS, UPDATE_UNLOCKED_ITEMS])
    def test_statement_names_the_description_only_if_one_is_set(
        self, statements: dict[bool, Statement[Any]]
    ) -> None:
        """PostgreSQL recomputes the search vector of every column that an UPDATE names."""
        found = {describes: "description=" in one.sql for describes, one in statements.items()}
        assert found == {False: False, True: True}

    async def test_update_is_later_than_those_committed_since_its_transaction_began(
        self, items: asyncpg.Connection, database: Database
    ) -> None:
        async with database.write(None) as begun_before:
            [first] = await joined(database, [ItemUpdate(1, None, ADMIN, title="First")])
            second = await update_item(begun_before, ItemUpdate(1, None, ADMIN, title="Next"))
        assert first is not None
        assert second is not None
        assert first.updated_at < second.updated_at


class Undo(Exception):
    """Rolls a transaction back."""


class TestJoined:
    async def test_64_joined_updates_take_two_transactions_and_two_raises_of_fences(
        self, items: asyncpg.Connection, database: Database, fences: CountedFences
    ) -> None:
        ids = await items.fetch(
            "INSERT INTO items (owner_id, title) "
            "SELECT 1, 'More' FROM generate_series(1, 64) RETURNING id"
        )
        await items.execute("TRUNCATE changes")
        updates = [ItemUpdate(row["id"], 1, ADMIN, title="New") for row in ids]
        rows = await joined(database, updates)
        assert [row and row.id for row in rows] == [update.id for update in updates]
        assert {row and row.version for row in rows} == {2}
        transactions = await items.fetch("SELECT DISTINCT xid FROM changes ORDER BY xid")
        assert len(transactions) == database.joined.transactions == 2
        assert sorted(xid for _, xid in fences.raised) == [row["xid"] for row in transactions]
        assert [tags for tags, _ in fences.raised] == [{"Item.all", "User:1.items"}] * 2

    async def test_updates_do_not_wait_for_a_row_that_another_transaction_writes(
        self, items: asyncpg.Connection, database: Database
    ) -> None:
        updates = [ItemUpdate(id, None, ADMIN, title="New") for id in range(1, ITEMS + 1)]
        async with items.transaction():
            await items.execute("UPDATE items SET title = 'Held' WHERE id = 5")
            rows = await joined(database, updates)
            assert [row is None for row in rows] == [id == 5 for id in range(1, ITEMS + 1)]
            assert {row.title for row in rows if row} == {"New"}

    async def test_updates_are_left_undone_if_the_connection_is_lost_before_commit(
        self, items: asyncpg.Connection, database: Database
    ) -> None:
        updates = [ItemUpdate(id, None, ADMIN, title="New") for id in (1, 2, 3)]
        locker = (await database.connect("locker")).raw
        async with locker.transaction():
            await locker.execute("LOCK TABLE items IN EXCLUSIVE MODE")
            asked = asyncio.ensure_future(joined(database, updates))
            await until_there(items, f"{WRITERS} AND wait_event_type = 'Lock'")
            for row in await items.fetch(WRITERS):
                await items.execute("SELECT pg_terminate_backend($1, 60000)", row["pid"])
            assert await asked == [None, None, None]
        await locker.close()
        assert await items.fetchval("SELECT count(*) FROM items WHERE title = 'New'") == 0
        rows = await joined(database, updates)
        assert [row and row.title for row in rows] == ["New"] * 3

    async def test_each_update_is_refused_if_the_fences_cannot_be_raised(
        self, items: asyncpg.Connection, database: Database, fences: CountedFences
    ) -> None:
        async def refuse(history: Any, tags: Any, transaction_id: int) -> float:
            raise Unavailable("The cache could not be told of this write.")

        fences.raise_before_commit = refuse
        asked = [
            database.joined.submit(update_unlocked_items, id, ItemUpdate(id, None, ADMIN))
            for id in (1, 2)
        ]
        errors = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(error) for error in errors] == [Unavailable] * 2
        assert await items.fetch("SELECT FROM changes") == []


class TestWaitingForOthers:
    """A transaction that has begun, waits for more updates, and has not written any yet."""

    @pytest.fixture
    async def waiting(
        self, items: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, database_url: str
    ) -> AsyncIterator[tuple[Database, asyncio.Future[list[ItemRow | None]]]]:
        monkeypatch.setattr("weft.writing.joined.PATIENCE_SECONDS", 60)
        database = Database(
            database_url,
            read_connections=1,
            write_connections=2,
            statement_timeout_ms=60_000,
            observe=lambda _sql, _seconds: None,
        )
        await joined(database, [some_title(id) for id in range(1, 7)])
        asked = asyncio.ensure_future(joined(database, [some_title(7)]))
        await until_there(items, f"{WRITERS} AND state = 'idle in transaction'")
        yield database, asked
        await asyncio.gather(asked, return_exceptions=True)
        await database.close()

    async def test_waiting_transaction_takes_new_updates(
        self, waiting: tuple[Database, asyncio.Future[list[ItemRow | None]]]
    ) -> None:
        database, asked = waiting
        rows = await joined(database, [some_title(8), some_title(9)])
        assert [row and row.id for row in rows + await asked] == [8, 9, 7]
        assert database.joined.transactions == 2

    async def test_waiting_transaction_leaves_all_updates_if_its_connection_is_lost(
        self,
        items: asyncpg.Connection,
        waiting: tuple[Database, asyncio.Future[list[ItemRow | None]]],
    ) -> None:
        database, asked = waiting
        for row in await items.fetch(WRITERS):
            await items.execute("SELECT pg_terminate_backend($1, 60000)", row["pid"])
        assert await joined(database, [some_title(8), some_title(9)]) == [None] * 2
        assert await asked == [None]
        rows = await joined(database, [some_title(7), some_title(8)])
        assert [row and row.id for row in rows] == [7, 8]

    async def test_waiting_transaction_ends_when_the_database_is_closed(
        self,
        items: asyncpg.Connection,
        waiting: tuple[Database, asyncio.Future[list[ItemRow | None]]],
    ) -> None:
        database, asked = waiting
        await database.close()
        with pytest.raises(Unavailable):
            await asked
        await until_there(items, f"SELECT WHERE NOT EXISTS ({WRITERS})")


def some_title(id: int) -> ItemUpdate:
    return ItemUpdate(id, None, ADMIN, title="New")
