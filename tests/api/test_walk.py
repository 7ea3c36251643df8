"""Walks from page to page: each item once, in every order, despite concurrent writes."""

import itertools
import random
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from db.item import ItemStatus
from db.item_page import ItemOrderField
from tests.client import Api
from tests.loaders.conftest import some_items, some_users, store
from tests.loaders.oracle import item_place
from weft.declare.identity import decode_id, encode_id
from weft.declare.ordering import OrderDirection

SELECTION = """(first: $first, after: $after, last: $last, before: $before, orderBy: $order) {
    totalCount
    nodes { id }
    edges { cursor node { id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
}"""
DECLARED = "$first: Int, $after: String, $last: Int, $before: String, $order: ItemOrder"
DOCUMENTS = {
    "items": f"query ({DECLARED}) {{ items{SELECTION} }}",
    "User.items": f"query ($id: ID!, {DECLARED}) {{ user(id: $id) {{ items{SELECTION} }} }}",
}
OWNER = 1

WAYS = [(direction, backward) for direction in OrderDirection for backward in (False, True)]


class Walk:
    """Walks the pages of a connection, one after the other."""

    def __init__(self, api: Api, name: str, order: dict[str, str], backward: bool) -> None:
        self._api = api
        self._document = DOCUMENTS[name]
        self._variables = {"id": encode_id("User", OWNER), "order": order}
        self._backward = backward

    async def pages(self, size: int) -> AsyncIterator[dict[str, Any]]:
        at, to, end, more = (
            ("before", "last", "startCursor", "hasPreviousPage")
            if self._backward
            else ("after", "first", "endCursor", "hasNextPage")
        )
        cursor, going = None, True
        while going:
            arguments = {to: size, at: cursor}
            data = await self._api.data(self._document, self._variables | arguments)
            page = data["items"] if "items" in data else data["user"]["items"]
            yield page
            cursor, going = page["pageInfo"][end], page["pageInfo"][more]


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("field", ItemOrderField)
class TestWalk:
    async def test_walk_meets_each_item_once_and_in_order(
        self, api: Api, name: str, field: ItemOrderField
    ) -> None:
        chance = random.Random(3)
        rows = some_items(chance, 60, owners=2)
        await store(api.connection, "users", some_users(chance, 2))
        await store(api.connection, "items", rows)
        visible = [
            row
            for row in rows
            if row.status is ItemStatus.PUBLISHED and (name == "items" or row.owner_id == OWNER)
        ]
        for direction, backward in WAYS:
            visible.sort(key=item_place(field), reverse=direction is OrderDirection.DESC)
            expected = [encode_id("Item", row.id) for row in visible]
            met: list[str] = []
            walk = Walk(api, name, {"field": field, "direction": direction}, backward)
            async for page in walk.pages(3):
                ids = [node["id"] for node in page["nodes"]]
                cursors = [edge["cursor"] for edge in page["edges"]]
                assert [edge["node"]["id"] for edge in page["edges"]] == ids
                met = ids + met if backward else met + ids
                assert page["totalCount"] == len(expected)
                assert page["pageInfo"] == {
                    "hasNextPage": ids[-1] != expected[-1],
                    "hasPreviousPage": ids[0] != expected[0],
                    "startCursor": cursors[0],
                    "endCursor": cursors[-1],
                }
            assert met == expected

    async def test_walk_meets_each_lasting_item_once_while_others_come_and_go(
        self, api: Api, name: str, field: ItemOrderField
    ) -> None:
        chance = random.Random(5)
        rows = [
            msgspec.structs.replace(row, status=ItemStatus.PUBLISHED)
            for row in some_items(chance, 40, owners=1)
        ]
        staying = {encode_id("Item", row.id) for row in rows if row.id % 2}
        await store(api.connection, "users", some_users(chance, 1))
        for direction, backward in WAYS:
            await api.connection.execute("DELETE FROM items")
            await store(api.connection, "items", rows)
            passing = [row for row in rows if not row.id % 2]
            new_keys = itertools.count(1000)
            met: list[str] = []
            walk = Walk(api, name, {"field": field, "direction": direction}, backward)
            async for page in walk.pages(4):
                on_page = [node["id"] for node in page["nodes"]]
                met += on_page
                # Also the items that the cursors of this page were made of.
                ends = {decode_id(on_page[0])[1], decode_id(on_page[-1])[1]}
                gone = {row.id for row in chance.sample(passing, 2)} | ends
                await api.connection.execute(
                    "DELETE FROM items WHERE id % 2 = 0 AND id = ANY($1)", list(gone)
                )
                new = some_items(chance, 1, owners=1)[0]
                await store(
                    api.connection,
                    "items",
                    [
                        msgspec.structs.replace(
                            new, id=2 * next(new_keys), status=ItemStatus.PUBLISHED
                        )
                    ],
                )
            assert len(set(met)) == len(met)
            assert staying <= set(met)


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
class TestWalkOfUsers:
    @pytest.mark.parametrize("search", [None, "ada"])
    async def test_walk_meets_each_user_once_and_in_order(
        self, api: Api, backward: bool, search: str | None
    ) -> None:
        users = some_users(random.Random(3), 20)
        await store(api.connection, "users", users)
        wanted = [row for row in users if search is None or row.name.startswith("Ada")]
        to, at, end, more = (
            ("last", "before", "startCursor", "hasPreviousPage")
            if backward
            else ("first", "after", "endCursor", "hasNextPage")
        )
        text = f"""query ($cursor: String, $search: String) {{
            users({to}: 3, {at}: $cursor, search: $search) {{
                totalCount nodes {{ id }} pageInfo {{ {more} {end} }} }} }}"""
        met: list[str] = []
        cursor, going = None, True
        while going:
            page = (await api.data(text, {"cursor": cursor, "search": search}))["users"]
            ids = [node["id"] for node in page["nodes"]]
            met = ids + met if backward else met + ids
            assert page["totalCount"] == len(wanted)
            cursor, going = page["pageInfo"][end], page["pageInfo"][more]
        assert met == [encode_id("User", row.id) for row in wanted]
