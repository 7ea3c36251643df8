import asyncio
from typing import Any

import pytest

from tests.client import Api, Member
from weft.declare.identity import encode_id

FIELDS = "item { id title description status tags version } errors { code path }"
CREATE = "mutation ($input: CreateItemInput!) { createItem(input: $input) { FIELDS } }"
UPDATE = "mutation ($input: UpdateItemInput!) { updateItem(input: $input) { FIELDS } }"
DELETE = """mutation ($input: DeleteItemInput!) {
    deleteItem(input: $input) { deletedId errors { code path } } }"""

LONGEST = {"title": "t" * 200, "description": "d" * 10_000, "tags": ["x" * 49 + c for c in "abc"]}
INVALID: list[tuple[dict[str, Any], list[list[str]]]] = [
    ({"title": ""}, [["title"]]),
    ({"title": " \t "}, [["title"]]),
    ({"title": "t" * 201}, [["title"]]),
    ({"title": "two\nlines"}, [["title"]]),
    ({"title": "two\rlines"}, [["title"]]),
    ({"description": "d" * 10_001}, [["description"]]),
    ({"tags": ["fine", ""]}, [["tags", "1"]]),
    ({"tags": ["x" * 51, "fine", " "]}, [["tags", "0"], ["tags", "2"]]),
    ({"tags": [str(number) for number in range(21)]}, [["tags"]]),
    (
        {"title": "", "description": "d" * 10_001, "tags": [""]},
        [["title"], ["description"], ["tags", "0"]],
    ),
]


async def create(api: Api, by: Member | None, **input: Any) -> dict[str, Any]:
    return (await api.data(CREATE.replace("FIELDS", FIELDS), {"input": input}, by))["createItem"]


async def update(api: Api, by: Member | None, id: str, **input: Any) -> dict[str, Any]:
    return (await api.data(UPDATE.replace("FIELDS", FIELDS), {"input": {"id": id, **input}}, by))[
        "updateItem"
    ]


async def delete(api: Api, by: Member | None, id: str, **input: Any) -> dict[str, Any]:
    return (await api.data(DELETE, {"input": {"id": id, **input}}, by))["deleteItem"]


async def stored(api: Api) -> list[dict[str, Any]]:
    """Returns every item, and its changes in the change log."""
    tables = ("SELECT * FROM items ORDER BY id", "SELECT id, kind FROM changes ORDER BY id")
    return [dict(row) for sql in tables for row in await api.connection.fetch(sql)]


def refused(*errors: tuple[str, list[str]]) -> dict[str, Any]:
    return {"item": None, "errors": [{"code": code, "path": path} for code, path in errors]}


class TestCreateItem:
    async def test_create_gives_the_viewer_an_item(self, api: Api) -> None:
        owner = await api.user()
        input = {"title": "One", "description": "D", "status": "PUBLISHED", "tags": ["b", "a"]}
        payload = await create(api, owner, **input)
        assert payload == {
            "item": input | {"version": 1, "id": encode_id("Item", 1)},
            "errors": [],
        }
        found = await api.data(
            "query ($id: ID!) { item(id: $id) { owner { id } createdAt updatedAt } }",
            {"id": payload["item"]["id"]},
        )
        assert found["item"]["owner"] == {"id": owner.id}
        assert found["item"]["createdAt"] == found["item"]["updatedAt"]

    async def test_created_item_is_a_draft_without_tags_by_default(self, api: Api) -> None:
        owner = await api.user()
        for given in ({}, {"status": None, "tags": None, "description": None}):
            item = (await create(api, owner, title="One", **given))["item"]
            assert (item["status"], item["tags"], item["description"]) == ("DRAFT", [], None)

    async def test_values_of_the_greatest_length_are_accepted(self, api: Api) -> None:
        payload = await create(api, await api.user(), **LONGEST)
        assert {name: payload["item"][name] for name in LONGEST} == LONGEST
        many = [str(number) for number in range(20)]
        assert (await create(api, await api.user(), title="T", tags=many))["item"]["tags"] == many

    async def test_repeated_tag_is_stored_once(self, api: Api) -> None:
        payload = await create(api, await api.user(), title="T", tags=["b", "a", "b", "B", "a"])
        assert payload["item"]["tags"] == ["b", "a", "B"]

    async def test_invalid_item_is_refused_with_every_path_and_not_written(self, api: Api) -> None:
        owner = await api.user()
        before = await stored(api)
        for input, paths in INVALID:
            payload = await create(api, owner, **({"title": "Fine"} | input))
            assert payload == refused(*(("INVALID", path) for path in paths)), input
        assert await stored(api) == before

    async def test_anonymous_create_is_refused(self, api: Api) -> None:
        assert await create(api, None, title="One") == refused(("FORBIDDEN", []))
        assert await stored(api) == []


class TestUpdateItem:
    async def test_update_changes_the_given_fields_and_counts_the_version(self, api: Api) -> None:
        owner = await api.user()
        id = (await create(api, owner, title="One", description="D", tags=["a"]))["item"]["id"]
        item = {"id": id, "title": "One", "description": "D", "status": "DRAFT", "tags": ["a"]}
        for version, change in enumerate(
            (
                {"title": "Two"},
                {"description": None},
                {"tags": ["c", "b", "c"]},
                {"status": "ARCHIVED"},
                {"description": "", "tags": []},
                {},
            ),
            start=2,
        ):
            item |= change | ({"tags": ["c", "b"]} if change.get("tags") else {})
            payload = await update(api, owner, id, **change)
            assert payload == {"item": item | {"version": version}, "errors": []}

    async def test_update_without_a_difference_changes_only_version_and_updated_at(
        self, api: Api
    ) -> None:
        owner = await api.user()
        id = await api.item(owner)
        [before] = await api.connection.fetch("SELECT * FROM items")
        await update(api, owner, id, title="Item")
        [after] = await api.connection.fetch("SELECT * FROM items")
        changed = {name for name in before.keys() if before[name] != after[name]}  # noqa: SIM118
        assert changed == {"version", "updated_at"}
        assert after["updated_at"] > before["updated_at"]

    async def test_invalid_update_is_refused_with_every_path_and_not_written(
        self, api: Api
    ) -> None:
        owner = await api.user()
        id = await api.item(owner)
        before = await stored(api)
        nulls: list[tuple[dict[str, Any], list[list[str]]]] = [
            ({name: None, "description": "new"}, [[name]]) for name in ("title", "status", "tags")
        ]
        for input, paths in INVALID + nulls:
            payload = await update(api, owner, id, **input)
            assert payload == refused(*(("INVALID", path) for path in paths)), input
        assert await stored(api) == before

    async def test_write_with_a_malformed_id_or_one_of_another_type_is_invalid(
        self, api: Api
    ) -> None:
        owner = await api.user()
        for id in ("garbage", owner.id):
            assert await update(api, owner, id, title="") == refused(
                ("INVALID", ["id"]), ("INVALID", ["title"])
            )
            payload = await delete(api, owner, id)
            assert payload["errors"] == [{"code": "INVALID", "path": ["id"]}]

    async def test_update_of_a_missing_item_is_not_found(self, api: Api) -> None:
        owner = await api.user()
        payload = await update(api, owner, encode_id("Item", 99), title="x")
        assert payload == refused(("NOT_FOUND", ["id"]))


class TestExpectedVersion:
    async def test_another_expected_version_is_a_conflict_and_nothing_is_written(
        self, api: Api
    ) -> None:
        owner = await api.user()
        id = await api.item(owner, version=3)
        before = await stored(api)
        for version in (2, 4, 0, -1, 2**31 - 1):
            payload = await update(api, owner, id, title="New", expectedVersion=version)
            assert payload == refused(("CONFLICT", ["expectedVersion"]))
            payload = await delete(api, owner, id, expectedVersion=version)
            assert payload == {
                "deletedId": None,
                "errors": [{"code": "CONFLICT", "path": ["expectedVersion"]}],
            }
        assert await stored(api) == before
        payload = await update(api, owner, id, title="New", expectedVersion=3)
        assert payload["item"]["version"] == 4
        payload = await update(api, owner, id, title="Newer", expectedVersion=None)
        assert payload["item"]["version"] == 5

    @pytest.mark.parametrize("by_admin", [False, True], ids=["owner", "admin"])
    async def test_one_of_many_writers_who_expect_a_version_wins(
        self, api: Api, by_admin: bool
    ) -> None:
        owner = await api.user()
        by = await api.user(admin=True) if by_admin else owner
        id = await api.item(owner)
        payloads = await asyncio.gather(
            *(
                update(api, by, id, title=f"Writer {number}", tags=[str(number)], expectedVersion=1)
                for number in range(12)
            )
        )
        [won] = [payload["item"] for payload in payloads if payload["item"]]
        lost = [payload for payload in payloads if not payload["item"]]
        assert lost == [refused(("CONFLICT", ["expectedVersion"]))] * 11
        [row] = await api.connection.fetch("SELECT * FROM items")
        assert row["version"] == won["version"] == 2
        assert (row["title"], row["tags"]) == (won["title"], won["tags"])
        assert row["title"] == f"Writer {row['tags'][0]}"

    async def test_no_write_is_lost_among_writers_who_expect_no_version(self, api: Api) -> None:
        owner = await api.user()
        id = await api.item(owner)
        payloads = await asyncio.gather(
            *(update(api, owner, id, title=str(number)) for number in range(10))
        )
        versions = sorted(payload["item"]["version"] for payload in payloads)
        assert versions == list(range(2, 12))

    async def test_either_the_update_or_the_deletion_wins(self, api: Api) -> None:
        owner = await api.user()
        for _ in range(5):
            id = await api.item(owner)
            updated, deleted = await asyncio.gather(
                update(api, owner, id, title="New", expectedVersion=1),
                delete(api, owner, id, expectedVersion=1),
            )
            if deleted["deletedId"]:
                assert updated == refused(("NOT_FOUND", ["id"]))
            else:
                assert deleted["errors"] == [{"code": "CONFLICT", "path": ["expectedVersion"]}]
                assert updated["item"]["version"] == 2


class TestDeleteItem:
    async def test_deleted_item_no_longer_exists(self, api: Api) -> None:
        owner = await api.user()
        id, other = await api.item(owner), await api.item(owner)
        assert await delete(api, owner, id) == {"deletedId": id, "errors": []}
        assert await delete(api, owner, id) == {
            "deletedId": None,
            "errors": [{"code": "NOT_FOUND", "path": ["id"]}],
        }
        text = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } items { totalCount } }"
        found = await api.data(text, {"ids": [id, other]})
        assert found == {"nodes": [None, {"id": other}], "items": {"totalCount": 1}}


class TestSeveralMutations:
    async def test_mutations_see_the_writes_of_those_before_them(self, api: Api) -> None:
        owner = await api.user()
        id = await api.item(owner, "Zero")
        text = """mutation ($id: ID!) {
            a: updateItem(input: {id: $id, title: "One", expectedVersion: 1}) { ...read }
            b: updateItem(input: {id: $id, title: "Two", expectedVersion: 2}) { ...read }
            c: deleteItem(input: {id: $id, expectedVersion: 3}) { deletedId }
            d: updateItem(input: {id: $id, title: "Three"}) { ...read }
        }
        fragment read on ItemPayload {
            item { title owner { itemCount items { nodes { title } totalCount } } }
            errors { code } }"""
        data = await api.data(text, {"id": id}, owner)
        for alias, title in (("a", "One"), ("b", "Two")):
            items = {"nodes": [{"title": title}], "totalCount": 1}
            assert data[alias]["item"] == {
                "title": title,
                "owner": {"itemCount": 1, "items": items},
            }
        assert data["c"] == {"deletedId": id}
        assert data["d"] == {"item": None, "errors": [{"code": "NOT_FOUND"}]}
