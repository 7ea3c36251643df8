"""Who sees an item, on every path that leads to one."""

from dataclasses import dataclass
from typing import Any

import pytest

from db.item import ItemStatus
from tests.client import Api, Member

VIEWERS = ("stranger", "member", "owner", "admin")

# The leaves of each response contain the ID of the item if and only if the viewer sees it.
BY_ID = {
    "item": "item(id: $id) { id }",
    "node": "node(id: $id) { id }",
    "nodes": "nodes(ids: [$id]) { id }",
}
AS_OWNED = {
    "User.items": "user(id: $owner) { items { nodes { id } } }",
    "User.items edges": "user(id: $owner) { items { edges { node { id } } } }",
    "User.items by status": (
        "user(id: $owner) { items(filter: {status: [$status]}) { nodes { id } } }"
    ),
    "User.items by search": (
        'user(id: $owner) { items(filter: {search: "zebra"}) { nodes { id } } }'
    ),
    "User.items by tag": 'user(id: $owner) { items(filter: {tags: ["striped"]}) { nodes { id } } }',
    "User.items of nodes": "nodes(ids: [$owner]) { ... on User { items { nodes { id } } } }",
    "User.items of users": "users { nodes { items { nodes { id } } } }",
}
AMONG_ALL = {
    "items": "items { nodes { id } }",
    "items backward": "items(last: 5, orderBy: {field: TITLE}) { nodes { id } }",
    "items by status": "items(filter: {status: [$status]}) { nodes { id } }",
    "items by every status": (
        "items(filter: {status: [DRAFT, PUBLISHED, ARCHIVED]}) { nodes { id } }"
    ),
    "items by search": 'items(filter: {search: "zebra"}) { nodes { id } }',
    "items by tag": 'items(filter: {tags: ["striped"]}) { nodes { id } }',
    "items by owner": "items(filter: {ownerId: $owner}) { nodes { id } }",
    "items by time": 'items(filter: {updatedAfter: "2020-01-01T00:00:00Z"}) { nodes { id } }',
}
COUNTS = {
    "totalCount of User.items": "user(id: $owner) { items { totalCount } }",
    "totalCount of User.items by status": (
        "user(id: $owner) { items(filter: {status: [$status]}) { totalCount } }"
    ),
}
COUNTS_AMONG_ALL = {
    "totalCount of items": "items { totalCount }",
    "totalCount of items by status": "items(filter: {status: [$status]}) { totalCount }",
    "totalCount of items by search": 'items(filter: {search: "zebra"}) { totalCount }',
    "totalCount of items by tag": 'items(filter: {tags: ["striped"]}) { totalCount }',
    "totalCount of items by owner": "items(filter: {ownerId: $owner}) { totalCount }",
}


@dataclass
class Scene:
    """One item, and a viewer of each role."""

    id: str
    variables: dict[str, str]
    viewers: dict[str, Member | None]


async def scene(api: Api, status: ItemStatus) -> Scene:
    owner, member = await api.user(), await api.user()
    id = await api.item(owner, "A zebra", status=status, tags=["striped"])
    viewers = {
        "stranger": None,
        "member": member,
        "owner": owner,
        "admin": await api.user(admin=True),
    }
    return Scene(id, {"id": id, "owner": owner.id, "status": status}, viewers)


def leaves(value: Any) -> list[Any]:
    """Returns every value that is no object, list or null, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [leaf for part in value for leaf in leaves(part)]
    return [] if value is None else [value]


async def found(api: Api, scene: Scene, viewer: str, selection: str) -> list[Any]:
    used = {name: type for name, type in TYPES.items() if f"${name}" in selection}
    declared = ", ".join(f"${name}: {type}" for name, type in used.items())
    text = f"query ({declared}) {{ {selection} }}" if used else f"{{ {selection} }}"
    variables = {name: scene.variables[name] for name in used}
    return leaves(await api.data(text, variables, scene.viewers[viewer]))


TYPES = {"id": "ID!", "owner": "ID!", "status": "ItemStatus!"}


@pytest.mark.parametrize("status", ItemStatus)
class TestItem:
    async def test_item_is_visible_to_owner_and_admins_and_once_published_to_everyone(
        self, api: Api, status: ItemStatus
    ) -> None:
        of = await scene(api, status)
        for viewer in VIEWERS:
            seen = status is ItemStatus.PUBLISHED or viewer in ("owner", "admin")
            for way, selection in (BY_ID | AS_OWNED).items():
                assert (of.id in await found(api, of, viewer, selection)) == seen, (viewer, way)
            for way, selection in COUNTS.items():
                assert await found(api, of, viewer, selection) == [int(seen)], (viewer, way)

    async def test_item_is_listed_among_all_for_admins_and_once_published_for_everyone(
        self, api: Api, status: ItemStatus
    ) -> None:
        of = await scene(api, status)
        for viewer in VIEWERS:
            seen = status is ItemStatus.PUBLISHED or viewer == "admin"
            for way, selection in AMONG_ALL.items():
                expected = [of.id] if seen else []
                assert await found(api, of, viewer, selection) == expected, (viewer, way)
            for way, selection in COUNTS_AMONG_ALL.items():
                assert await found(api, of, viewer, selection) == [int(seen)], (viewer, way)

    async def test_item_count_has_published_items_only_for_every_viewer(
        self, api: Api, status: ItemStatus
    ) -> None:
        of = await scene(api, status)
        for viewer in VIEWERS:
            counts = await found(api, of, viewer, "user(id: $owner) { itemCount }")
            assert counts == [int(status is ItemStatus.PUBLISHED)], viewer

    async def test_item_is_written_by_its_owner_and_admins_only(
        self, api: Api, status: ItemStatus
    ) -> None:
        of = await scene(api, status)
        hidden = "FORBIDDEN" if status is ItemStatus.PUBLISHED else "NOT_FOUND"
        update = """mutation ($id: ID!) { updateItem(input: {id: $id, description: "new"}) {
            item { id } errors { code path } } }"""
        delete = """mutation ($id: ID!) { deleteItem(input: {id: $id}) {
            deletedId errors { code path } } }"""
        before = dict(await api.connection.fetchrow("SELECT * FROM items") or {})
        refusal = [{"code": hidden, "path": ["id"]}]
        for viewer in ("stranger", "member"):
            by = of.viewers[viewer]
            answer = await api.data(update, {"id": of.id}, by)
            assert answer["updateItem"] == {"item": None, "errors": refusal}
            answer = await api.data(delete, {"id": of.id}, by)
            assert answer["deleteItem"] == {"deletedId": None, "errors": refusal}
        assert dict(await api.connection.fetchrow("SELECT * FROM items") or {}) == before
        for viewer in ("owner", "admin"):
            answer = await api.data(update, {"id": of.id}, of.viewers[viewer])
            assert answer["updateItem"] == {"item": {"id": of.id}, "errors": []}
        answer = await api.data(delete, {"id": of.id}, of.viewers["owner"])
        assert answer["deleteItem"] == {"deletedId": of.id, "errors": []}


class TestDraftOfAnotherUser:
    async def test_draft_has_the_same_responses_as_a_missing_item(self, api: Api) -> None:
        of = await scene(api, ItemStatus.DRAFT)
        operations = [
            f"query ($id: ID!) {{ {' '.join(BY_ID.values())} }}",
            'mutation ($id: ID!) { updateItem(input: {id: $id, title: "x"}) '
            "{ item { id } errors { code message path } } }",
            'mutation ($id: ID!) { updateItem(input: {id: $id, title: "x", expectedVersion: 9}) '
            "{ item { id } errors { code message path } } }",
            "mutation ($id: ID!) { deleteItem(input: {id: $id, expectedVersion: 9}) "
            "{ deletedId errors { code message path } } }",
        ]
        refused = [
            await api.answer(text, {"id": of.id}, of.viewers["member"]) for text in operations
        ]
        await api.connection.execute("DELETE FROM items")
        assert refused == [
            await api.answer(text, {"id": of.id}, of.viewers["member"]) for text in operations
        ]

    async def test_draft_is_not_counted_for_next_and_previous_pages(self, api: Api) -> None:
        of = await scene(api, ItemStatus.DRAFT)
        owner = of.viewers["owner"]
        assert owner is not None
        await api.item(owner, "Z")
        page = "items(first: 1) { pageInfo { hasNextPage hasPreviousPage } }"
        assert await found(api, of, "stranger", page) == [False, False]
        assert await found(api, of, "admin", page) == [True, False]


class TestPayloadOfItem:
    async def test_payload_leads_to_what_the_viewer_may_see(self, api: Api) -> None:
        of = await scene(api, ItemStatus.DRAFT)
        text = """mutation ($id: ID!) { updateItem(input: {id: $id, title: "Zebra"}) {
            item { owner { email items { nodes { title } totalCount } } } } }"""
        for viewer in ("owner", "admin"):
            answer = await api.data(text, {"id": of.id}, of.viewers[viewer])
            assert leaves(answer)[1:] == ["Zebra", 1]


class TestUserEmail:
    async def test_email_is_visible_to_the_user_and_admins_only(self, api: Api) -> None:
        ada, bob, admin = await api.user("Ada"), await api.user("Bob"), await api.user(admin=True)
        text = "query ($id: ID!) { user(id: $id) { name email } }"
        for by in (bob, admin):
            data = await api.data(text, {"id": bob.id}, by)
            assert data == {"user": {"name": "Bob", "email": "user2@example.com"}}
        for by in (ada, None):
            answer = await api.answer(text, {"id": bob.id}, by)
            assert answer["data"] == {"user": {"name": "Bob", "email": None}}
            errors = [(e["extensions"]["code"], e["path"]) for e in answer["errors"]]
            assert errors == [("FORBIDDEN", ["user", "email"])]

    async def test_emails_are_refused_one_by_one(self, api: Api) -> None:
        members = [await api.user() for _ in range(3)]
        answer = await api.answer("{ users { nodes { email } } }", by=members[1])
        emails = [node["email"] for node in answer["data"]["users"]["nodes"]]
        assert emails == [None, "user2@example.com", None]
        errors = [(e["extensions"]["code"], e["path"]) for e in answer["errors"]]
        assert sorted(errors) == [
            ("FORBIDDEN", ["users", "nodes", place, "email"]) for place in (0, 2)
        ]

    async def test_email_is_refused_on_every_path_to_the_user(self, api: Api) -> None:
        owner, viewer = await api.user(), await api.user()
        id = await api.item(owner)
        text = """query ($id: ID!, $owner: ID!) {
            item(id: $id) { owner { email } } node(id: $owner) { ... on User { email } } }"""
        errors = await api.errors(text, {"id": id, "owner": owner.id}, viewer)
        assert sorted(errors) == [
            ("FORBIDDEN", ["item", "owner", "email"]),
            ("FORBIDDEN", ["node", "email"]),
        ]
