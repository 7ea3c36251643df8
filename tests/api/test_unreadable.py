"""Rows that PostgreSQL stores and Python cannot read: they fail alone, and pages skip them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from db.tables import metadata
from settings import Settings
from tests.client import Api, Member
from tests.waiting import until
from tests.weft.cache.settings import with_cache
from weft.postgres.confirmed_rows import MOST_LEFT_OUT

PAGE = """query ($first: Int, $last: Int, $after: String, $before: String, $order: ItemOrder) {
  items(first: $first, last: $last, after: $after, before: $before, orderBy: $order) {
    edges { cursor node { title tags status createdAt updatedAt owner { name } } }
    pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } }"""
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Item { title createdAt tags } } }"
UPDATE = """mutation ($id: ID!) {
  updateItem(input: {id: $id, title: "new"}) { item { title } errors { code } } }"""

TIMES = ("infinity", "-infinity", "12000-01-01", "0044-03-15 BC")
SPOILT = [
    *(f"created_at = '{time}'" for time in TIMES),
    *(f"updated_at = '{time}'" for time in TIMES),
    "tags = '{{a,b},{c,d}}'",
    "tags = '{a,NULL}'",
]
CHECKED = ("items", "users", "sessions", "audit_entries")


CHECKS = """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype = 'c' AND conrelid::regclass::text = ANY ($1)"""


@pytest.fixture
async def unchecked(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Drops the checks of the tables for a test, so that their rows can be made unreadable."""
    checks = await connection.fetch(CHECKS, CHECKED)
    for table, name, _ in checks:
        await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    yield
    await connection.execute(f"TRUNCATE {', '.join(CHECKED)} CASCADE")
    for table, name, definition in checks:
        await connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")


async def items(api: Api, owner: Member, count: int) -> list[str]:
    return [await api.item(owner, f"item {number}") for number in range(1, count + 1)]


async def spoil(api: Api, key: int, change: str) -> None:
    await api.connection.execute(f"UPDATE items SET {change} WHERE id = {key}")


async def walk(api: Api, *, backward: bool, order: dict[str, str], size: int = 2) -> list[str]:
    """Returns the titles on all pages, following the cursors as a client does."""
    titles: list[str] = []
    variables: dict[str, Any] = {"last" if backward else "first": size, "order": order}
    while True:
        page = (await api.data(PAGE, variables))["items"]
        found = [edge["node"]["title"] for edge in page["edges"]]
        titles = found + titles if backward else titles + found
        info = page["pageInfo"]
        if not info["hasPreviousPage" if backward else "hasNextPage"]:
            return titles
        assert len(found) == size
        cursor = info["startCursor" if backward else "endCursor"]
        variables["before" if backward else "after"] = cursor


@pytest.mark.usefixtures("unchecked")
class TestPages:
    @pytest.fixture(params=["read", "cached"])
    def settings(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
    ) -> Settings:
        """Without the cache, and with it: it must not keep pages from which rows were left out."""
        if request.param == "cached":
            return with_cache(settings, monkeypatch)
        return settings

    @pytest.mark.parametrize("spoilt", [*SPOILT, "status = 'SECRET'"])
    async def test_page_leaves_out_an_unreadable_row(self, api: Api, spoilt: str) -> None:
        await items(api, await api.user(), 3)
        await spoil(api, 2, spoilt)
        for _ in range(3):  # rows and pages are cached from the second time on
            page = (await api.data(PAGE, {"first": 2}))["items"]
            assert [edge["node"]["title"] for edge in page["edges"]] == ["item 1", "item 3"]
            assert page["pageInfo"]["hasNextPage"] is False

    @pytest.mark.parametrize("backward", [False, True])
    @pytest.mark.parametrize("direction", ["ASC", "DESC"])
    @pytest.mark.parametrize("field", ["CREATED_AT", "UPDATED_AT", "TITLE"])
    async def test_pages_go_on_around_unreadable_rows(
        self, api: Api, backward: bool, direction: str, field: str
    ) -> None:
        await items(api, await api.user(), len(SPOILT) + 6)
        for key, spoilt in enumerate(SPOILT, 3):
            await spoil(api, key, spoilt)
        titles = await walk(api, backward=backward, order={"field": field, "direction": direction})
        readable = [1, 2, *range(len(SPOILT) + 3, len(SPOILT) + 7)]
        expected = [f"item {number}" for number in readable]
        assert sorted(titles) == sorted(expected)
        assert len(titles) == len(expected)

    async def test_page_shows_a_row_again_once_it_is_repaired(self, api: Api) -> None:
        await items(api, await api.user(), 2)
        await spoil(api, 1, SPOILT[0])
        assert len(await walk(api, backward=False, order={"field": "TITLE"})) == 1
        await spoil(api, 1, "created_at = now()")

        async def is_shown() -> bool:
            return len(await walk(api, backward=False, order={"field": "TITLE"})) == 2

        await until(is_shown)

    async def test_page_fails_where_hardly_any_row_can_be_read(self, api: Api) -> None:
        owner = await api.user()
        await api.connection.execute(
            "INSERT INTO items (owner_id, title, status, created_at)"
            f" SELECT {owner.key}, 'x', 'PUBLISHED', '-infinity'"
            f" FROM generate_series(1, {MOST_LEFT_OUT + 10})"
        )
        assert await api.errors(PAGE, {"first": 2}) == [("UNREADABLE", ["items"])]

    async def test_concurrent_pages_without_unreadable_rows_are_complete(self, api: Api) -> None:
        good, bad = await api.user(), await api.user()
        await api.item(good, "good")
        await items(api, bad, 1)
        await spoil(api, 2, SPOILT[0])
        text = "query ($id: ID!) { user(id: $id) { items { nodes { title } } } }"
        asked = [api.data(text, {"id": owner.id}) for owner in [good, bad] * 10]
        for answer, expected in zip(await asyncio.gather(*asked), [["good"], []] * 10, strict=True):
            assert [node["title"] for node in answer["user"]["items"]["nodes"]] == expected

    async def test_pages_of_users_and_of_the_audit_log_leave_rows_out_too(self, api: Api) -> None:
        admin = await api.user(admin=True)
        await api.user("Bad")
        await api.connection.execute("UPDATE users SET created_at = 'infinity' WHERE name = 'Bad'")
        await api.connection.execute(
            "INSERT INTO audit_entries (at, actor_id, actor_name, action, subject_id, subject_name)"
            " VALUES (now(), 1, 'a', 'SET_ROLE', 1, 'a'), (now(), 1, 'a', 'JUMP', 1, 'a'),"
            " ('infinity', 1, 'a', 'SET_ROLE', 1, 'a')"
        )
        data = await api.data(
            "{ users { nodes { name } } auditLog { nodes { action at } } }", by=admin
        )
        assert data["users"]["nodes"] == [{"name": "Ada"}]
        assert [entry["action"] for entry in data["auditLog"]["nodes"]] == ["SET_ROLE"]


@pytest.mark.usefixtures("unchecked")
class TestObjects:
    @pytest.mark.parametrize("spoilt", [s for s in SPOILT if not s.startswith("updated")])
    async def test_object_fails_alone_where_an_unreadable_field_is_selected(
        self, api: Api, spoilt: str
    ) -> None:
        ids = await items(api, await api.user(), 3)
        await spoil(api, 2, spoilt)
        answer = await api.answer(NODES, {"ids": ids})
        titles = [node and node["title"] for node in answer["data"]["nodes"]]
        assert titles == ["item 1", None, "item 3"]
        field = "tags" if spoilt.startswith("tags") else "createdAt"
        (error,) = answer["errors"]
        assert (error["extensions"], error["path"]) == ({"code": "UNREADABLE"}, ["nodes", 1, field])

    async def test_object_has_all_its_readable_fields(self, api: Api) -> None:
        owner = await api.user()
        (id,) = await items(api, owner, 1)
        await spoil(api, 1, SPOILT[0])
        await api.connection.execute("UPDATE users SET created_at = '12000-01-01'")
        data = await api.data(
            "query ($id: ID!) { item(id: $id) { title owner { name } } }", {"id": id}
        )
        assert data["item"] == {"title": "item 1", "owner": {"name": "Ada"}}
        assert await api.errors("{ viewer { createdAt } }", by=owner) == [
            ("UNREADABLE", ["viewer", "createdAt"])
        ]

    async def test_unreadable_object_that_the_viewer_may_not_see_is_null(self, api: Api) -> None:
        owner = await api.user()
        (id,) = await items(api, owner, 1)
        text = "query ($id: ID!) { item(id: $id) { title createdAt } }"
        for spoilt in ("status = 'DRAFT', created_at = 'infinity'", "status = 'SECRET'"):
            await spoil(api, 1, spoilt)
            assert await api.data(text, {"id": id}) == {"item": None}
            assert [code for code, _ in await api.errors(text, {"id": id}, owner)] == ["UNREADABLE"]

    async def test_unreadable_object_fails_alone_in_joined_writes(self, api: Api) -> None:
        owner = await api.user()
        ids = await items(api, owner, 6)
        await spoil(api, 2, SPOILT[0])
        answers = await asyncio.gather(*(api.answer(UPDATE, {"id": id}, owner) for id in ids))
        failed = [
            answer["errors"][0]["extensions"] if "errors" in answer else None for answer in answers
        ]
        assert failed == [None, {"code": "UNREADABLE"}, None, None, None, None]

    async def test_unreadable_session_is_unauthenticated(self, api: Api) -> None:
        good, bad = await api.user(), await api.user()
        await api.connection.execute(
            "UPDATE sessions SET expires_at = 'infinity' WHERE user_id = $1", bad.key
        )
        answers = await asyncio.gather(
            *(api.answer("{ viewer { id } }", by=member) for member in [good, bad] * 5)
        )
        for answer, member in zip(answers, [good, bad] * 5, strict=True):
            if member is good:
                assert answer["data"] == {"viewer": {"id": good.id}}
            else:
                assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


class TestChecks:
    @pytest.mark.parametrize("table", sorted({*metadata.tables} - {"changes"}))
    async def test_checks_refuse_unreadable_times(
        self, connection: asyncpg.Connection, table: str
    ) -> None:
        columns = metadata.tables[table].columns
        times = [c.name for c in columns if c.type.python_type.__name__ == "datetime"]
        conditions = await connection.fetch(
            "SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint"
            f" WHERE conrelid = '{table}'::regclass AND conname = '{table}_times_check'"
        )
        assert len(conditions) == bool(times)
        for time in (*TIMES, "9999-12-31 23:59:59.999999"):
            for column in times:
                values = ", ".join(
                    f"timestamptz '{time if c == column else 'now'}' AS {c}" for c in times
                )
                row = f"SELECT {conditions[0][0]} FROM (SELECT {values}) AS row"
                assert await connection.fetchval(row) is False

    async def test_checks_refuse_updates_of_older_rows_that_break_them(self, api: Api) -> None:
        """A migration leaves such rows behind, with a check that is not validated."""
        owner = await api.user()
        ids = await items(api, owner, 2)
        (check,) = [
            row for row in await api.connection.fetch(CHECKS, ["items"]) if "time" in row[1]
        ]
        await api.connection.execute("ALTER TABLE items DROP CONSTRAINT items_times_check")
        await spoil(api, 1, SPOILT[0])
        await api.connection.execute(
            f"ALTER TABLE items ADD CONSTRAINT items_times_check {check[2]} NOT VALID"
        )
        answers = await asyncio.gather(*(api.answer(UPDATE, {"id": id}, owner) for id in ids))
        assert answers[0]["errors"][0]["extensions"] == {"code": "UNREADABLE"}
        assert "errors" not in answers[1]
        await api.connection.execute("DELETE FROM items")
        await api.connection.execute("ALTER TABLE items VALIDATE CONSTRAINT items_times_check")
