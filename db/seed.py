"""Fills an empty database with sample rows, by COPY."""

from collections.abc import Callable, Iterator
from itertools import islice
from time import perf_counter

import asyncpg
import msgspec

from db.accounts.admin import INSERT_ADMIN
from db.accounts.session import INSERT_USER
from db.accounts.user import Role
from db.sample import FIRST_ITEM_AT, ITEM_COLUMNS, USER_COLUMNS, sample_items, sample_users
from weft.auth.passwords import Passwords
from weft.confidential import Confidential
from weft.postgres.change_table import enable_change_triggers

ROWS_PER_COPY = 10_000

# The triggers would write a change for every row. The lock that this takes, until the end of the
# transaction, also keeps others from writing between the check and the COPY.
DISABLE_TRIGGERS = (
    "ALTER TABLE users DISABLE TRIGGER USER",
    "ALTER TABLE items DISABLE TRIGGER USER",
)
ENABLE_TRIGGERS = (enable_change_triggers("users"), enable_change_triggers("items"))
IS_EMPTY = "SELECT NOT EXISTS (SELECT FROM users) AND NOT EXISTS (SELECT FROM items)"
# COPY writes ids that the sequence has not given.
ADVANCE_IDS = "SELECT setval(pg_get_serial_sequence($1, 'id'), $2, false)"
# New entries of a GIN index wait in a list that is sorted in when it is full.
LARGE_PENDING_LISTS = "SET LOCAL gin_pending_list_limit = '64MB'"
TIDY_UP = "VACUUM (ANALYZE) users, items"

SAMPLE_USERS = 50
SAMPLE_ITEMS = 1_000

Progress = Callable[[str, int, int], None]
"""Called with the table, how many of its rows are stored, and how many there will be."""


class Account(Confidential, frozen=True):
    """An account that can sign in by password."""

    name: str
    email: str
    role: Role
    password: str


ACCOUNTS = (
    Account("Mira Member", "member@example.com", Role.MEMBER, "development-member"),
    Account("Abel Admin", "admin@example.com", Role.ADMIN, "development-admin"),
)
"""Accounts for trying things out, with published passwords."""


class NotEmpty(Exception):
    """There are users or items already, and sample rows would mix with them."""


class SeedReport(msgspec.Struct, frozen=True):
    """What was stored: the users besides the accounts, and how long all of it took."""

    users: int
    items: int
    accounts: tuple[Account, ...]
    seconds: float


async def is_empty(database_url: str) -> bool:
    """Whether there are neither users nor items."""
    connection = await _connect(database_url)
    try:
        return bool(await connection.fetchval(IS_EMPTY))
    finally:
        await connection.close()


async def offer_sample(database_url: str, number: int) -> tuple[Account, ...]:
    """Fills the database if it is empty; the accounts that can then sign in."""
    if await is_empty(database_url):
        await seed(database_url, users=SAMPLE_USERS, items=SAMPLE_ITEMS, seed=number)
    return ACCOUNTS


async def seed(
    database_url: str,
    *,
    users: int,
    items: int,
    seed: int,
    accounts: bool = True,
    progress: Progress | None = None,
) -> SeedReport:
    """Stores `users` users with the ids from 1, who own `items` items: all of it or nothing.

    The rows follow from the three numbers alone, and none is in the change log. With `accounts`,
    `ACCOUNTS` come after the users. The URL must be of the tables' owner. Raises NotEmpty, or
    ValueError for items without any user to own them.
    """
    if items and not users:
        raise ValueError("Items need at least one user to own them.")
    started = perf_counter()
    told = progress or _tell_nobody
    connection = await _connect(database_url)
    try:
        async with connection.transaction():
            await _execute(connection, *DISABLE_TRIGGERS, LARGE_PENDING_LISTS)
            if not await connection.fetchval(IS_EMPTY):
                raise NotEmpty("The database has users or items already.")
            await _copy(connection, "users", USER_COLUMNS, sample_users(users, seed), users, told)
            rows = sample_items(items, users, seed)
            await _copy(connection, "items", ITEM_COLUMNS, rows, items, told)
            opened = ACCOUNTS if accounts else ()
            await _open_accounts(connection, opened)
            await _execute(connection, *ENABLE_TRIGGERS)
        await connection.execute(TIDY_UP)
    finally:
        await connection.close()
    return SeedReport(users, items, opened, perf_counter() - started)


async def _copy(
    connection: asyncpg.Connection,
    table: str,
    columns: tuple[str, ...],
    rows: Iterator[tuple[object, ...]],
    count: int,
    progress: Progress,
) -> None:
    """One COPY for each part: PostgreSQL remembers the foreign keys of a statement to its end."""
    progress(table, 0, count)
    for done in range(0, count, ROWS_PER_COPY):
        part = islice(rows, ROWS_PER_COPY)
        await connection.copy_records_to_table(table, records=part, columns=columns)
        progress(table, min(done + ROWS_PER_COPY, count), count)
    await connection.fetchval(ADVANCE_IDS, table, count + 1)


async def _open_accounts(connection: asyncpg.Connection, accounts: tuple[Account, ...]) -> None:
    passwords = Passwords(threads=1)
    try:
        for account in accounts:
            statement = INSERT_ADMIN if account.role is Role.ADMIN else INSERT_USER
            parameters = {
                "name": account.name,
                "email": account.email,
                "password_hash": await passwords.hash(account.password),
                "now": FIRST_ITEM_AT,
                "verified_at": FIRST_ITEM_AT,
            }
            await connection.execute(statement.sql, *statement.arguments(parameters))
    finally:
        passwords.close()


async def _connect(database_url: str) -> asyncpg.Connection:
    return await asyncpg.connect(database_url.replace("+asyncpg", "", 1))


async def _execute(connection: asyncpg.Connection, *statements: str) -> None:
    for statement in statements:
        await connection.execute(statement)


def _tell_nobody(table: str, done: int, total: int) -> None:
    pass
