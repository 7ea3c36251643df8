import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from db.accounts.user import Role, UserRow
from db.item import ItemRow, ItemStatus
from weft.postgres.connection import ReadConnection, connect

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
# Few values, so that many are equal; some sort differently by locale, by byte and by length.
TITLES = (
    "alpha",
    "Alpha",
    "alpha beta",
    "beta",
    "beta gamma",
    "Ähre",
    "ähre",
    "豆",
    "\U0010ffff" * 2,
)
DESCRIPTIONS = (None, "", "beta", "gamma alpha", "delta beta gamma")
TAGS = ("red", "blue", 'quo"ted', "back\\slash", "{brace}", "com,ma", "NULL", "")
NAMES = ("Ada Lovelace", "Ada Byron", "Grace Hopper", "Barbara Liskov")


@dataclass
class Stored:
    """The rows of the database, a connection that reads them, and the statements that it ran."""

    connection: ReadConnection
    statements: list[str]
    users: Sequence[UserRow]
    items: Sequence[ItemRow]


def some_time(chance: random.Random) -> datetime:
    return EPOCH + timedelta(microseconds=chance.randint(0, 3))


def some_users(chance: random.Random, count: int) -> list[UserRow]:
    return [
        UserRow(id, chance.choice(NAMES), f"user{id}@example.com", Role.MEMBER, some_time(chance))
        for id in range(1, count + 1)
    ]


def some_items(chance: random.Random, count: int, owners: int) -> list[ItemRow]:
    return [
        ItemRow(
            id,
            chance.randint(1, owners),
            chance.choice(TITLES),
            chance.choice(DESCRIPTIONS),
            chance.choice(list(ItemStatus)),
            chance.sample(TAGS, chance.randint(0, 4)),
            1,
            some_time(chance),
            some_time(chance),
        )
        for id in range(1, count + 1)
    ]


async def store(connection: asyncpg.Connection, table: str, rows: Sequence[Any]) -> None:
    """Inserts rows with the IDs that they have; generated IDs are higher afterwards."""
    columns = rows[0].__struct_fields__
    places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
    await connection.executemany(
        f"INSERT INTO {table} ({', '.join(columns)}) OVERRIDING SYSTEM VALUE VALUES ({places})",
        [tuple(getattr(row, column) for column in columns) for row in rows],
    )
    await connection.execute(
        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
    )


USERS = some_users(random.Random(7), 8)
ITEMS = some_items(random.Random(7), 120, owners=6)


@pytest.fixture
async def stored(connection: asyncpg.Connection, database_url: str) -> AsyncIterator[Stored]:
    """Stores `USERS`, some without items, and `ITEMS` of all kinds."""
    await store(connection, "users", USERS)
    await store(connection, "items", ITEMS)
    statements: list[str] = []
    raw = await connect(database_url, name="test", read_only=True, statement_timeout_ms=60_000)
    reading = ReadConnection(raw, lambda sql, _: statements.append(sql))
    yield Stored(reading, statements, USERS, ITEMS)
    await reading.close()
