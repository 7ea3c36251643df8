"""How far each loader reads for a key: rows and index entries are counted, in large tables.

A loader that is missing here fails the test, and so does a key that reads further than declared.
"""

import ast
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from db.item import MOST_COUNTED, ItemStatus
from db.item_page import ItemOrderField, ItemScope
from loaders import Loaders
from loaders.accounts.audit_entry import AuditEntryPageKey
from loaders.accounts.session import credentials_by_email, session_by_id
from loaders.accounts.user import UserPageKey, UserScope
from loaders.item import ItemPageKey
from resolvers.accounts.audit_entry import AUDIT_ORDER
from resolvers.accounts.user import USER_ORDER
from resolvers.item import ITEM_ORDERS
from tests.laws.source import PROJECT, sources
from weft.declare.pagination import Order, Position, Window
from weft.loading.loader import loads
from weft.loading.reach import Reach
from weft.postgres.connection import ReadConnection, connect
from weft.postgres.document_table import document_by_id
from weft.postgres.text_search import Language, SearchText

ITEMS = 30_000
USERS = 3_000
MANY = ITEMS // 3
"""The number of items of the first user, and of its sessions."""
SIZE = 10
PAGE_ROWS = 3 * 2 * 3 * (SIZE + 1)
"""The most that a page reads: index entries, their rows and those of versions, of 3 statuses."""

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
FILL = f"""
SET session_replication_role = replica;
INSERT INTO users (name, email, created_at)
SELECT 'Name' || n % 700 || ' Family', n || '@example.com', '2026-01-01'
FROM generate_series(1, {USERS}) n;
INSERT INTO items (owner_id, title, description, status, tags, created_at, updated_at)
SELECT CASE WHEN n % 3 = 0 THEN 1 ELSE n % {USERS} + 1 END, 'Title ' || md5(n::text), 'word',
       (ARRAY['PUBLISHED', 'PUBLISHED', 'PUBLISHED', 'PUBLISHED', 'DRAFT', 'ARCHIVED'])[n % 5 + 1],
       ARRAY['kind'], '2026-01-01'::timestamptz + n * interval '1 minute',
       '2026-01-01'::timestamptz + (n * 7919 % {ITEMS}) * interval '1 minute'
FROM generate_series(1, {ITEMS}) n;
INSERT INTO sessions (user_id, opened_at, expires_at)
SELECT CASE WHEN n <= {MANY} THEN 1 ELSE n % {USERS} + 1 END, '2026-01-01', '2036-01-01'
FROM generate_series(1, {ITEMS}) n;
INSERT INTO audit_entries (at, actor_id, actor_name, action, subject_id, subject_name)
SELECT '2026-01-01', 1, 'Ada', 'SET_ROLE', n, 'Bob' FROM generate_series(1, {ITEMS}) n;
SET session_replication_role = DEFAULT;
"""
TABLES = ("items", "users", "sessions", "audit_entries")
# In this transaction: entries from index scans, and rows read with or without an index.
READ = """
SELECT sum(pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid))::bigint
FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace
"""
LATE = EPOCH + timedelta(minutes=ITEMS - 2)
MIDDLE = EPOCH + timedelta(minutes=ITEMS // 2)
ALL = frozenset(ItemStatus)
OWNER = 1

ITEM_SCOPES = [
    ItemScope(ALL),
    ItemScope(frozenset({ItemStatus.DRAFT})),
    ItemScope(ALL, updated_after=LATE),
    ItemScope(ALL, updated_after=MIDDLE),
    ItemScope(ALL, search="word"),
    ItemScope(ALL, tags=frozenset({"kind"})),
    ItemScope(ALL, OWNER),
    ItemScope(ALL, OWNER, updated_after=LATE),
    ItemScope(ALL, OWNER, search="unheard"),
    ItemScope(ALL, OWNER, tags=frozenset({"unheard"})),
    ItemScope(ALL, updated_after=LATE, search="word", tags=frozenset({"kind"})),
]
USER_SCOPES = [UserScope(), UserScope("Family")]


def windows(order: Order, place: Position) -> Iterator[Window]:
    """Yields windows from both ends, and from the middle in both directions."""
    for backward in (False, True):
        for after, before in ((None, None), (place, None), (None, place)):
            yield Window(order, SIZE, backward, after, before)


def item_pages() -> Iterator[ItemPageKey]:
    for (field, _), order in ITEM_ORDERS.items():
        value = "Title 8" if field is ItemOrderField.TITLE else MIDDLE
        for window in windows(order, Position(value, ITEMS // 2)):
            for scope in ITEM_SCOPES:
                yield ItemPageKey(scope, field, window)


def of_ids(order: Order, count: int) -> list[Window]:
    return list(windows(order, Position(count // 2, count // 2)))


KEYS: dict[str, Sequence[Any]] = {
    "user_by_id": [1, 99_999],
    "users_by_scope": [
        UserPageKey(scope, window) for scope in USER_SCOPES for window in of_ids(USER_ORDER, USERS)
    ],
    "user_count_by_scope": USER_SCOPES,
    "item_by_id": [1, 99_999],
    "items_by_scope": list(item_pages()),
    "item_count_by_scope": ITEM_SCOPES,
    "item_count_by_owner": [OWNER, 2, 99_999],
    "sessions_by_user": [OWNER, 2],
    "audit_entries_by_window": [AuditEntryPageKey(one) for one in of_ids(AUDIT_ORDER, ITEMS)],
    "is_narrowed_by_text": [SearchText(Language.ENGLISH, "word -other")],
}
DIRECT: dict[Any, Sequence[Any]] = {
    session_by_id: [1, 99_999],
    credentials_by_email: ["1@example.com", "none@example.com"],
    document_by_id: ["none"],
}
"""Functions that read without a loader, on the connections of ordinary reads."""

FIXED = {"item_count_by_owner": 2 * (MOST_COUNTED + 1)}
"""The most that is read by a loader that gives no page."""


def declared() -> dict[str, loads[Any, Any]]:
    return {name: one for name, one in vars(Loaders).items() if isinstance(one, loads)}


class Counting:
    """Counts what loaders read on a connection."""

    def __init__(self, raw: asyncpg.Connection) -> None:
        self._raw = raw
        self._connection = ReadConnection(raw, lambda _sql, _seconds: None)

    async def read(self, fetch: Any, key: Any) -> int:
        """Returns the number of rows and index entries that are read for one key."""
        async with self._raw.transaction():
            before: Any = await self._raw.fetchval(READ)
            await fetch(self._connection, [key])
            after: Any = await self._raw.fetchval(READ)
        return after - before


@pytest.fixture
async def counting(connection: asyncpg.Connection, database_url: str) -> AsyncIterator[Counting]:
    await connection.execute(FILL)
    for table in TABLES:
        await connection.execute(f"VACUUM ANALYZE {table}")
    raw = await connect(database_url, name="reach", read_only=True, statement_timeout_ms=60_000)
    yield Counting(raw)
    await raw.close()
    await connection.execute(f"TRUNCATE {', '.join(TABLES)} RESTART IDENTITY CASCADE")
    for table in TABLES:
        await connection.execute(f"VACUUM ANALYZE {table}")


async def test_every_page_is_read_by_an_index_in_its_order(counting: Counting) -> None:
    far: list[tuple[str, Any, int]] = []
    for name, loader in declared().items():
        for key in KEYS[name]:
            if loader.reach_of(key) is Reach.PAGE:
                read = await counting.read(loader.fetch, key)
                if read > FIXED.get(name, PAGE_ROWS):
                    far.append((name, key, read))
    for fetch, keys in DIRECT.items():
        far += [
            (fetch.__name__, key, read)
            for key in keys
            if (read := await counting.read(fetch, key)) > PAGE_ROWS
        ]
    assert far == []


async def test_loads_that_run_apart_may_read_all_rows_of_a_parent_or_table(
    counting: Counting,
) -> None:
    """So no kind of load runs apart without need."""
    furthest: dict[tuple[str, Reach], int] = {}
    for name, loader in declared().items():
        for key in KEYS[name]:
            kind = name, loader.reach_of(key)
            if kind[1] is not Reach.PAGE:
                read = await counting.read(loader.fetch, key)
                furthest[kind] = max(read, furthest.get(kind, 0))
    assert set(furthest) == {
        ("users_by_scope", Reach.TABLE),
        ("user_count_by_scope", Reach.TABLE),
        ("items_by_scope", Reach.PARENT),
        ("items_by_scope", Reach.TABLE),
        ("item_count_by_scope", Reach.PARENT),
        ("item_count_by_scope", Reach.TABLE),
        ("sessions_by_user", Reach.PARENT),
    }
    for (name, reach), read in furthest.items():
        if reach is Reach.PARENT:
            assert MANY <= read < 2.5 * MANY, name
        else:
            assert read >= (USERS if "user" in name else 1.5 * ITEMS), name


def test_every_loader_is_counted() -> None:
    assert set(KEYS) == set(declared())
    functions = {
        node.name
        for source in sources(PROJECT)
        if source.layer == "loaders" or source.path.startswith("weft/postgres/")
        for node in source.tree.body
        if isinstance(node, ast.AsyncFunctionDef)
        if [argument.arg for argument in node.args.args][:2] == ["connection", "keys"]
    }
    assert functions == set(declared()) | {fetch.__name__ for fetch in DIRECT}
