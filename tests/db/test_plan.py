"""Every statement on items and users finds its rows by an index, in a large table."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from db import item, item_page, item_update
from db.accounts import user
from db.accounts.user import COUNT_USERS, USER_PAGES
from db.item_page import ITEM_PAGES, Access
from weft.postgres.connection import connect
from weft.postgres.pages import PageStatements
from weft.postgres.row_version import RowStatements
from weft.postgres.statement import Statement

PAGED_TABLES = {"items", "users"}

# Counting all users reads all users, whatever index is used; no statement could read less.
COUNTS_ALL = {"COUNT_USERS[False]"}

FILL = """
SET session_replication_role = replica;
INSERT INTO users (name, email, created_at)
SELECT 'Name' || n % 700 || ' Family' || n % 90, n || '@example.com',
       now() - n * interval '1 hour'
FROM generate_series(1, 3000) n;
INSERT INTO items (owner_id, title, description, status, tags, created_at, updated_at)
SELECT n % 3000 + 1, 'Title ' || md5(n::text), 'word' || n % 500 || ' other' || n % 77,
       (ARRAY['PUBLISHED', 'PUBLISHED', 'PUBLISHED', 'PUBLISHED', 'DRAFT', 'ARCHIVED'])[n % 6 + 1],
       ARRAY['tag' || n % 300, 'kind' || n % 40],
       now() - n * interval '1 minute', now() - (n * 7919 % 30000) * interval '1 minute'
FROM generate_series(1, 30000) n;
SET session_replication_role = DEFAULT;
"""


def statements() -> Iterator[tuple[str, Statement[Any]]]:
    """Yields every statement of the modules, with the name that it has there."""
    for module in (item, item_page, item_update, user):
        for name, value in vars(module).items():
            if isinstance(value, dict) and name.isupper():
                for key, member in value.items():
                    yield from _statements(f"{name}[{_named(key)}]", member)
            else:
                yield from _statements(name, value)


def _statements(name: str, value: Any) -> Iterator[tuple[str, Statement[Any]]]:
    if isinstance(value, Statement):
        yield name, value
    elif isinstance(value, PageStatements | RowStatements):
        yield f"{name}.rows", value.rows
        yield f"{name}.versions", value.versions


def _named(key: Any) -> str:
    parts = key if isinstance(key, tuple) else (key,)
    return ", ".join(getattr(part, "name", str(part)) for part in parts)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


@pytest.fixture(scope="module")
async def large(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Yields a connection like the server's own, to a database with many items and users."""
    filling = await asyncpg.connect(database_url)
    await filling.execute("TRUNCATE items, users RESTART IDENTITY CASCADE")
    await filling.execute(FILL)
    for table in PAGED_TABLES:
        await filling.execute(f"VACUUM ANALYZE {table}")
    reading = await connect(
        database_url, name="plans", read_only=False, statement_timeout_ms=60_000
    )
    yield reading
    await reading.close()
    await filling.execute("TRUNCATE items, users RESTART IDENTITY CASCADE")
    for table in PAGED_TABLES:
        await filling.execute(f"VACUUM ANALYZE {table}")
    await filling.close()


async def plan_of(connection: asyncpg.Connection, statement: Statement[Any]) -> dict[str, Any]:
    """Returns the plan of all calls: it is generic, so the arguments do not matter."""
    count = len(statement.arguments({}))
    arguments = f"({', '.join(['NULL'] * count)})" if count else ""
    await connection.execute(f"PREPARE planned AS {statement.sql}")
    try:
        text = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE planned{arguments}")
    finally:
        await connection.execute("DEALLOCATE planned")
    return json.loads(str(text))[0]["Plan"]


class TestPlan:
    @pytest.mark.parametrize(
        "statement", [pytest.param(statement, id=name) for name, statement in statements()]
    )
    async def test_statement_reads_no_table_from_end_to_end(
        self,
        large: asyncpg.Connection,
        statement: Statement[Any],
        request: pytest.FixtureRequest,
    ) -> None:
        plan = await plan_of(large, statement)
        scans = [
            (node["Node Type"], node["Relation Name"])
            for node in nodes(plan)
            if "Relation Name" in node
        ]
        sequential = [table for kind, table in scans if kind == "Seq Scan"]
        if request.node.callspec.id not in COUNTS_ALL:
            assert not PAGED_TABLES & set(sequential), scans

    def test_every_page_and_count_has_its_plan_tested(self) -> None:
        names = {name for name, _ in statements()}
        assert len(names) >= 2 * len(ITEM_PAGES) + len(Access) + 2 * len(USER_PAGES) + len(
            COUNT_USERS
        )

    @pytest.mark.parametrize("read", ["rows", "versions"])
    @pytest.mark.parametrize(
        "key", [key for key in ITEM_PAGES if key[0] in (Access.ALL, Access.RECENT)], ids=_named
    )
    async def test_page_is_read_in_the_order_of_an_index(
        self, large: asyncpg.Connection, key: Any, read: str
    ) -> None:
        plan = await plan_of(large, getattr(ITEM_PAGES[key], read))
        [scan] = [node for node in nodes(plan) if node.get("Relation Name") == "items"]
        assert scan["Node Type"] == "Index Scan"
        wanted = {"CREATED_AT": "created", "UPDATED_AT": "updated", "TITLE": "title"}[key[1]]
        assert scan["Index Name"] == f"items_{wanted}_index"
