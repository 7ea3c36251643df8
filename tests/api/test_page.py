"""The rules of pages, the same for every connection."""

from base64 import urlsafe_b64encode
from typing import Any

import pytest

from tests.client import Api, Member
from weft.declare.pagination import DEFAULT_SIZE, MAX_SIZE

CONNECTIONS = {
    "items": ("items", "query (%s) { items(%s) { %s } }"),
    "users": ("users", "query (%s) { users(%s) { %s } }"),
    "User.items": ("viewer.items", "query (%s) { viewer { items(%s) { %s } } }"),
}
DECLARED = "$first: Int, $after: String, $last: Int, $before: String"
PASSED = "first: $first, after: $after, last: $last, before: $before"
PAGE = (
    "nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor }"
)

connections = pytest.mark.parametrize("name", CONNECTIONS)


def document(name: str, selection: str = PAGE) -> str:
    return CONNECTIONS[name][1] % (DECLARED, PASSED, selection)


async def page(api: Api, name: str, by: Member, **arguments: Any) -> dict[str, Any]:
    found = await api.data(document(name), arguments, by)
    for step in CONNECTIONS[name][0].split("."):
        found = found[step]
    return found


async def refusals(
    api: Api, name: str, by: Member, **arguments: Any
) -> list[tuple[str, list[Any] | None]]:
    return await api.errors(document(name), arguments, by)


def refused(name: str, code: str) -> list[tuple[str, list[str]]]:
    return [(code, CONNECTIONS[name][0].split("."))]


async def many(api: Api, count: int) -> Member:
    """Makes `count` users, and `count` published items of the first; returns that user."""
    owner = await api.user()
    await api.connection.execute(
        "INSERT INTO users (name, email) "
        "SELECT 'B', n || '@example.com' FROM generate_series(2, $1) n",
        count,
    )
    await api.connection.execute(
        "INSERT INTO items (owner_id, title, status) "
        "SELECT $1, 'Item ' || n, 'PUBLISHED' FROM generate_series(1, $2) n",
        owner.key,
        count,
    )
    return owner


@connections
class TestSize:
    async def test_page_size_is_20_by_default(self, api: Api, name: str) -> None:
        owner = await many(api, 22)
        found = await page(api, name, owner)
        assert len(found["nodes"]) == DEFAULT_SIZE == 20
        assert found["pageInfo"]["hasNextPage"]

    async def test_page_size_is_at_most_100(self, api: Api, name: str) -> None:
        owner = await many(api, 102)
        assert len((await page(api, name, owner, first=100))["nodes"]) == MAX_SIZE == 100
        assert len((await page(api, name, owner, last=100))["nodes"]) == 100

    async def test_page_size_can_be_0(self, api: Api, name: str) -> None:
        owner = await many(api, 2)
        beside = {"startCursor": None, "endCursor": None}
        assert await page(api, name, owner, first=0) == {
            "nodes": [],
            "edges": [],
            "pageInfo": {"hasNextPage": True, "hasPreviousPage": False, **beside},
        }
        assert (await page(api, name, owner, last=0))["pageInfo"] == {
            "hasNextPage": False,
            "hasPreviousPage": True,
            **beside,
        }

    async def test_page_size_out_of_range_is_an_error(self, api: Api, name: str) -> None:
        viewer = await api.user()
        for arguments in (
            {"first": -1},
            {"last": -1},
            {"first": 101},
            {"last": 101},
            {"first": 2**31 - 1},
            {"first": 1, "last": 1},
            {"first": 0, "last": 0},
        ):
            assert await refusals(api, name, viewer, **arguments) == refused(name, "BAD_PAGE")


@connections
class TestCursor:
    async def test_malformed_cursor_is_an_error(self, api: Api, name: str) -> None:
        viewer = await api.user()
        for cursor in (
            "",
            "garbage",
            "💥",
            "!" * 100_000,
            urlsafe_b64encode(b'["items:CREATED_AT"]').decode(),
            urlsafe_b64encode(b'["items:CREATED_AT","yesterday",1]').decode(),
            urlsafe_b64encode(b'["items:CREATED_AT","2026-01-01T00:00:00Z",-1]').decode(),
            urlsafe_b64encode(b'["items:CREATED_AT","2026-01-01T00:00:00",1]').decode(),
            urlsafe_b64encode(b'["items:CREATED_AT","0001-01-01T00:00:00+14:00",1]').decode(),
            urlsafe_b64encode(b'["users",99999999999999999999,1]').decode(),
            urlsafe_b64encode(b'["users",1,1] ').decode(),
        ):
            for arguments in ({"after": cursor}, {"before": cursor}):
                errors = await refusals(api, name, viewer, **arguments)
                assert errors == refused(name, "BAD_CURSOR"), arguments

    async def test_cursor_of_another_connection_is_an_error(self, api: Api, name: str) -> None:
        owner = await many(api, 1)
        other = "items" if name == "users" else "users"
        cursor = (await page(api, other, owner))["edges"][0]["cursor"]
        assert await refusals(api, name, owner, after=cursor) == refused(name, "BAD_CURSOR")

    async def test_cursor_has_one_spelling_only(self, api: Api, name: str) -> None:
        owner = await many(api, 1)
        cursor = (await page(api, name, owner))["edges"][0]["cursor"]
        for variant in (cursor + "=", cursor + "\n", "!" + cursor, cursor[:8] + " " + cursor[8:]):
            assert await refusals(api, name, owner, after=variant) == refused(name, "BAD_CURSOR")

    async def test_cursor_stands_for_its_edge(self, api: Api, name: str) -> None:
        owner = await many(api, 5)
        found = await page(api, name, owner)
        cursors = [edge["cursor"] for edge in found["edges"]]
        assert found["pageInfo"] == {
            "hasNextPage": False,
            "hasPreviousPage": False,
            "startCursor": cursors[0],
            "endCursor": cursors[-1],
        }
        between = await page(api, name, owner, after=cursors[0], before=cursors[4], first=2)
        assert between["nodes"] == found["nodes"][1:3]
        between = await page(api, name, owner, after=cursors[0], before=cursors[4], last=2)
        assert between["nodes"] == found["nodes"][2:4]
        crossed = await page(api, name, owner, after=cursors[3], before=cursors[1])
        assert crossed["nodes"] == []


class TestCursorOfItem:
    async def test_cursor_of_another_order_is_an_error(self, api: Api) -> None:
        await many(api, 1)
        text = """query ($after: String, $order: ItemOrder) {
            items(after: $after, orderBy: $order) { edges { cursor } } }"""
        fields = ("CREATED_AT", "UPDATED_AT", "TITLE")
        for field in fields:
            data = await api.data(text, {"order": {"field": field}})
            cursor = data["items"]["edges"][0]["cursor"]
            for other in set(fields) - {field}:
                variables = {"after": cursor, "order": {"field": other}}
                assert await api.errors(text, variables) == [("BAD_CURSOR", ["items"])]

    async def test_cursor_of_the_longest_title_is_accepted(self, api: Api) -> None:
        owner = await api.user()
        ids = [await api.item(owner, character * 200) for character in '\x01"x豆\U0010ffff']
        text = """query ($after: String) {
            items(first: 1, after: $after, orderBy: {field: TITLE}) {
                pageInfo { endCursor } nodes { id } } }"""
        met, cursor = [], None
        for _ in ids:
            found = (await api.data(text, {"after": cursor}))["items"]
            met += [node["id"] for node in found["nodes"]]
            cursor = found["pageInfo"]["endCursor"]
        assert met == ids
