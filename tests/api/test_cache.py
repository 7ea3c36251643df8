"""Cached fields: hits, misses, and every way in which a write invalidates them."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app import create_app
from db.accounts.user import COUNT_USERS, USER_PAGES
from db.item import COUNT_ITEMS_BY_OWNER
from db.item_page import COUNT_ITEMS, ITEM_PAGES
from settings import Settings
from tests.client import Api, Member
from tests.waiting import until
from tests.weft.cache.settings import with_cache
from weft.postgres.pages import PageStatements
from weft.postgres.statement import Statement


def statements_of(pages: Mapping[Any, PageStatements[Any]]) -> list[Statement[Any]]:
    """Returns all statements that read the pages."""
    return [part for found in pages.values() for part in (found.rows, found.versions)]


# Each cached field, selected for one owner, and the statements that compute it.
READS = {
    "User.itemCount": ("user(id: $id) { itemCount }", [COUNT_ITEMS_BY_OWNER]),
    "User.items": (
        "user(id: $id) { items { nodes { id title } pageInfo { hasNextPage endCursor } } }",
        statements_of(ITEM_PAGES),
    ),
    "User.items totalCount": ("user(id: $id) { items { totalCount } }", COUNT_ITEMS.values()),
    "User.items totalCount by search": (
        'user(id: $id) { items(filter: {search: "new"}) { totalCount } }',
        COUNT_ITEMS.values(),
    ),
    "Query.items totalCount": ("items { totalCount }", COUNT_ITEMS.values()),
    "Query.items totalCount by tag": (
        'items(filter: {tags: ["new"]}) { totalCount }',
        COUNT_ITEMS.values(),
    ),
    "Query.users": ("users { nodes { name } }", statements_of(USER_PAGES)),
    "Query.users totalCount": ('users(search: "Ada") { totalCount }', COUNT_USERS.values()),
}
CREATE = (
    'mutation { createItem(input: {title: "New", status: PUBLISHED, tags: ["new"]}) { item { id } '
    "errors { code } } }"
)
UPDATE = """mutation ($id: ID!, $status: ItemStatus, $title: String) {
    updateItem(input: {id: $id, status: $status, title: $title}) { item { id } errors { code } }
}"""
RENAME = "mutation ($name: String) { updateProfile(input: {name: $name}) { errors { code } } }"


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    return with_cache(settings, monkeypatch)


@asynccontextmanager
async def another_process(api: Api) -> AsyncGenerator[Api]:
    """Yields another instance of the server, with a memory of its own."""
    statements: list[str] = []
    app = create_app(api.settings, observe=lambda sql, _: statements.append(sql))
    async with Api(app, api.settings, api.connection, api.clock, statements) as another:
        yield another


async def read(api: Api, name: str, owner: Member) -> Any:
    selection = READS[name][0]
    given = {"id": owner.id} if "$id" in selection else {}
    head = "query ($id: ID!)" if given else "query"
    return await api.data(f"{head} {{ {selection} }}", given)


def computed(api: Api, name: str) -> int:
    statements = {statement.sql for statement in READS[name][1]}
    return sum(sql in statements for sql in api.statements)


async def until_cached(api: Api, name: str, owner: Member) -> Any:
    """Repeats the query until it needs no statement; returns that response."""
    found: Any = None

    async def is_cached() -> bool:
        nonlocal found
        before = computed(api, name)
        found = await read(api, name, owner)
        return computed(api, name) == before

    await until(is_cached)
    return found


@pytest.mark.parametrize("name", READS)
class TestCachedField:
    async def test_cached_field_is_not_computed_again(self, api: Api, name: str) -> None:
        owner = await api.user()
        await api.item(owner)
        await until_cached(api, name, owner)
        before = computed(api, name)
        answers = [await read(api, name, owner) for _ in range(5)]
        assert computed(api, name) == before
        assert answers == [await read(api, name, owner)] * 5

    async def test_value_from_redis_equals_the_computed_one(self, api: Api, name: str) -> None:
        owner = await api.user()
        for number in range(3):
            await api.item(owner, f"New {number}", tags=["new"])
        await until_cached(api, name, owner)

        async def is_answered_by_one_that_knows_nothing() -> bool:
            """False for a while, if the relay has just raised fences of other programs' writes."""
            answer = await read(api, name, owner)
            async with another_process(api) as another:
                assert await read(another, name, owner) == answer
                return computed(another, name) == 0

        await until(is_answered_by_one_that_knows_nothing)

    async def test_value_is_up_to_date_as_soon_as_a_mutation_has_answered(
        self, api: Api, name: str
    ) -> None:
        owner = await api.user()
        before = await until_cached(api, name, owner)
        for new_name in ("Bob", "Ada", "Bob"):
            await api.data(CREATE, by=owner)
            await api.data(RENAME, {"name": new_name}, by=owner)
            after = await read(api, name, owner)
            assert after != before
            before = await until_cached(api, name, owner)
            assert before == after

    async def test_value_follows_a_writer_outside_the_application(
        self, api: Api, name: str
    ) -> None:
        owner = await api.user()
        before = await until_cached(api, name, owner)
        await api.item(owner, "New", tags=["new"])
        await api.user("Ada")

        async def is_found() -> bool:
            return await read(api, name, owner) != before

        await until(is_found)


class TestExplanation:
    async def test_explanation_counts_hits_and_misses(self, api: Api) -> None:
        owner = await api.user()
        await until_cached(api, "User.itemCount", owner)
        body = {"query": f'{{ user(id: "{owner.id}") {{ itemCount }} }}'}
        answer = await api.http.post("/graphql", json=body | {"extensions": {"explain": True}})
        told = answer.json()["extensions"]["explain"]["fields"]["User.itemCount"]
        assert told["cache"] == {"hits": 1, "misses": 0, "rejected": 0, "bypassed": 0}
        assert told["statements"] == told["batches"] == 0


class TestItemCount:
    async def test_item_count_of_a_user_without_items_is_cached_too(self, api: Api) -> None:
        found = await until_cached(api, "User.itemCount", await api.user())
        assert found == {"user": {"itemCount": 0}}

    async def test_item_count_follows_the_status_of_items(self, api: Api) -> None:
        owner = await api.user()
        item = await api.item(owner)
        for status, expected in (("DRAFT", 0), ("PUBLISHED", 1), ("ARCHIVED", 0)):
            await until_cached(api, "User.itemCount", owner)
            await api.data(UPDATE, {"id": item, "status": status}, by=owner)
            found = await read(api, "User.itemCount", owner)
            assert found == {"user": {"itemCount": expected}}

    async def test_item_count_is_not_invalidated_by_a_new_title(self, api: Api) -> None:
        owner = await api.user()
        item = await api.item(owner)
        await until_cached(api, "User.itemCount", owner)
        before = computed(api, "User.itemCount")
        await api.data(UPDATE, {"id": item, "title": "Another"}, by=owner)
        assert await read(api, "User.itemCount", owner) == {"user": {"itemCount": 1}}
        assert computed(api, "User.itemCount") == before
