import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from db.item import ItemStatus
from db.item_page import ItemOrderField, ItemScope
from loaders.accounts.user import UserPageKey, UserScope, user_by_id, users_by_scope
from loaders.item import ItemPageKey, item_by_id, items_by_scope
from resolvers.accounts.user import USER_ORDER
from resolvers.item import ITEM_ORDERS
from tests.loaders.conftest import some_items, some_users, store
from weft.declare.ordering import OrderDirection
from weft.declare.pagination import Page, PageArgs, window
from weft.loading.memory import Memory
from weft.postgres.connection import ReadConnection, connect

WRITES = (
    "UPDATE items SET title = title || 'x', version = version + 1 WHERE id = $1",
    # As from psql: the row changes, but not its version or updated_at.
    "UPDATE items SET description = md5(random()::text) WHERE id = $1",
    "UPDATE items SET status = 'DRAFT' WHERE id = $1",
    "UPDATE items SET status = 'PUBLISHED' WHERE id = $1",
    "UPDATE items SET owner_id = owner_id % 8 + 1 WHERE id = $1",
    "DELETE FROM items WHERE id = $1",
    "UPDATE users SET name = name || 'y' WHERE id = $1 % 8 + 1",
)
PUBLISHED = frozenset({ItemStatus.PUBLISHED})


def some_item_page(chance: random.Random) -> ItemPageKey:
    field, direction = chance.choice(list(ItemOrderField)), chance.choice(list(OrderDirection))
    page = PageArgs(chance.randint(0, 5), chance.random() < 0.5)
    owner_id = chance.choice([None, *range(1, 9)])
    scope = ItemScope(chance.choice([PUBLISHED, frozenset(ItemStatus)]), owner_id)
    return ItemPageKey(scope, field, window(ITEM_ORDERS[field, direction], page))


def some_user_page(chance: random.Random) -> UserPageKey:
    page = PageArgs(chance.randint(0, 5), chance.random() < 0.5)
    return UserPageKey(UserScope(), window(USER_ORDER, page))


def plain(value: Any) -> Any:
    if isinstance(value, Page):
        return value.nodes, value.has_next_page, value.has_previous_page
    return value


@pytest.fixture
async def writer(connection: asyncpg.Connection) -> asyncpg.Connection:
    """Returns a connection to write with, to a database with 8 users and 40 items."""
    chance = random.Random(7)
    await store(connection, "users", some_users(chance, 8))
    await store(connection, "items", some_items(chance, 40, 8))
    return connection


@pytest.fixture
async def reading(database_url: str) -> AsyncIterator[Callable[[Memory | None], ReadConnection]]:
    """Yields a function that makes a reading connection with the memory given."""
    raw = await connect(database_url, name="known", read_only=True, statement_timeout_ms=60_000)
    yield lambda memory: ReadConnection(raw, lambda _sql, _seconds: None, memory)
    await raw.close()


class TestKnown:
    @pytest.mark.parametrize("max_bytes", [10_000_000, 20_000])
    async def test_memory_gives_the_rows_that_a_read_would_give_after_any_write(
        self,
        writer: asyncpg.Connection,
        reading: Callable[[Memory | None], ReadConnection],
        max_bytes: int,
    ) -> None:
        chance = random.Random(11)
        remembering, forgetting = reading(Memory(max_bytes)), reading(None)
        for _ in range(150):
            transaction = writer.transaction()
            await transaction.start()
            for _ in range(chance.randint(0, 2)):
                async with writer.transaction():  # a savepoint
                    # Two states of one row in a transaction: others see only the last.
                    for write in chance.choices(WRITES, k=2):
                        await writer.execute(write, chance.randint(1, 40))
            await (transaction.commit() if chance.random() < 0.7 else transaction.rollback())
            for loader, some_key in (
                (items_by_scope, some_item_page),
                (users_by_scope, some_user_page),
                (item_by_id, lambda chance: chance.randint(1, 45)),
                (user_by_id, lambda chance: chance.randint(1, 10)),
            ):
                keys: Any = list({some_key(chance) for _ in range(chance.randint(1, 8))})
                found, read = await loader(remembering, keys), await loader(forgetting, keys)
                assert list(map(plain, found)) == list(map(plain, read))

    async def test_unchanged_row_is_not_read_twice(
        self, writer: asyncpg.Connection, reading: Callable[[Memory | None], ReadConnection]
    ) -> None:
        connection = reading(Memory(10_000_000))
        key: Any = ItemPageKey(
            ItemScope(PUBLISHED),
            ItemOrderField.CREATED_AT,
            window(ITEM_ORDERS[ItemOrderField.CREATED_AT, OrderDirection.ASC], PageArgs(5)),
        )
        for _ in range(10):  # until it asks for versions first
            await items_by_scope(connection, [key])
        (before,) = await items_by_scope(connection, [key])
        changed = before.nodes[2].id
        await writer.execute("UPDATE items SET title = 'new' WHERE id = $1", changed)
        (after,) = await items_by_scope(connection, [key])
        same = [row is known for row, known in zip(after.nodes, before.nodes, strict=True)]
        assert same == [True, True, False, True, True]
        assert after.nodes[2].title == "new"

    async def test_connection_without_a_memory_reads_each_time(
        self, writer: asyncpg.Connection, reading: Callable[[Memory | None], ReadConnection]
    ) -> None:
        connection = reading(None)
        first, second = [(await item_by_id(connection, [1]))[0] for _ in range(2)]
        assert first == second
        assert first is not second
