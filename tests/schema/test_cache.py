"""User.itemCount out of the cache: hits, misses, and every way a write reaches it."""

import asyncio

from db.item import COUNT_ITEMS_BY_OWNER
from tests.api import Api, Member

COUNT = "query ($id: ID!) { user(id: $id) { itemCount } }"
CREATE = 'mutation { createItem(input: {title: "New", status: PUBLISHED}) { item { id } } }'
SET_STATUS = """mutation ($id: ID!, $status: ItemStatus!) {
    updateItem(input: {id: $id, status: $status}) { item { id } errors { code } }
}"""
PATIENCE_SECONDS = 10


async def count(api: Api, user: Member) -> int:
    return (await api.data(COUNT, {"id": user.id}))["user"]["itemCount"]


def computed(api: Api) -> int:
    return api.statements.count(COUNT_ITEMS_BY_OWNER.sql)


async def until_cached(api: Api, user: Member) -> int:
    """Asks until an answer comes without a statement; gives it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            before = computed(api)
            found = await count(api, user)
            if computed(api) == before:
                return found
            await asyncio.sleep(0.01)


class TestItemCount:
    async def test_is_computed_no_more_once_it_is_cached(self, api: Api) -> None:
        owner = await api.user()
        await api.item(owner)
        assert await until_cached(api, owner) == 1
        before = computed(api)
        assert [await count(api, owner) for _ in range(5)] == [1] * 5
        assert computed(api) == before

    async def test_of_a_user_without_items_is_cached_too(self, api: Api) -> None:
        assert await until_cached(api, await api.user()) == 0

    async def test_is_right_as_soon_as_a_mutation_has_answered(self, api: Api) -> None:
        owner = await api.user()
        for expected in range(1, 6):
            await until_cached(api, owner)
            await api.data(CREATE, by=owner)
            assert await count(api, owner) == expected

    async def test_follows_status(self, api: Api) -> None:
        owner = await api.user()
        item = await api.item(owner)
        for status, expected in (("DRAFT", 0), ("PUBLISHED", 1), ("ARCHIVED", 0)):
            await until_cached(api, owner)
            await api.data(SET_STATUS, {"id": item, "status": status}, by=owner)
            assert await count(api, owner) == expected

    async def test_follows_a_writer_that_knows_of_no_cache(self, api: Api) -> None:
        owner = await api.user()
        assert await until_cached(api, owner) == 0
        await api.item(owner)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await count(api, owner) != 1:  # noqa: ASYNC110 - the relay is at work
                await asyncio.sleep(0.01)
