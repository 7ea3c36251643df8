"""What cached fields keep: no pages by free filters, and few bytes."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from settings import Settings
from tests.client import Api, Member
from tests.waiting import until
from tests.weft.cache.settings import with_cache
from weft.cache.cache import Cache

PAGE = """query ($id: ID!, $first: Int, $after: String, $filter: ItemFilter, $order: ItemOrder) {
    user(id: $id) {
        items(first: $first, after: $after, filter: $filter, orderBy: $order) {
            nodes { title } pageInfo { endCursor }
        }
    }
}"""
USERS = """query ($after: String, $search: String) {
    users(first: 5, after: $after, search: $search) { nodes { id } pageInfo { endCursor } }
}"""
MEMORY_BYTES = 1_000_000
TIMES = 30

caches: list[Cache] = []


class Watched(Cache):
    """A cache that the test can inspect."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        caches.append(self)


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    caches.clear()
    monkeypatch.setattr("app.Cache", Watched)
    with_memory = settings.model_copy(update={"cache_memory_bytes": MEMORY_BYTES})
    return with_cache(with_memory, monkeypatch)


@pytest.fixture
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    async with Redis.from_url(str(settings.redis_url)) as redis:
        yield redis


async def stored(redis: Redis, settings: Settings) -> int:
    """Returns the number of values in Redis."""
    return len([key async for key in redis.scan_iter(f"{settings.redis_prefix}:cache:*:v:*")])


async def owner_of(api: Api, items: int, **columns: Any) -> Member:
    owner = await api.user()
    for number in range(items):
        await api.item(owner, f"Item {number}", **columns)
    return owner


FREE: dict[str, Any] = {
    "updatedAfter": lambda n: f"2000-01-01T00:00:{n:02d}Z",
    "search": lambda n: f"item {n}",
    "tags": lambda n: [f"tag {n}"],
    "ownerId": lambda n: f"{n}",
    "status": lambda n: ["PUBLISHED"] * (n + 2),
}


class TestFreePages:
    @pytest.mark.parametrize("name", FREE)
    async def test_filtered_pages_are_not_kept(
        self, api: Api, redis: Redis, settings: Settings, name: str
    ) -> None:
        owner = await owner_of(api, 3)
        for number in range(TIMES):
            given = FREE[name](number)
            if name == "ownerId":
                given = (await api.user()).id
            await api.data(PAGE, {"id": owner.id, "first": 100, "filter": {name: given}})
        (cache,) = caches
        assert len(cache.kept) == 0
        assert await stored(redis, settings) == 0

    async def test_pages_from_a_cursor_are_kept_when_they_are_repeated(
        self, api: Api, redis: Redis, settings: Settings
    ) -> None:
        owner = await owner_of(api, TIMES)
        (cache,) = caches

        async def are_stored(count: int, after: str | None = None) -> bool:
            await api.data(PAGE, {"id": owner.id, "first": 1, "after": after})
            return await stored(redis, settings) == count

        await until(lambda: are_stored(1))
        after: str | None = None
        for _ in range(TIMES):
            found = await api.data(PAGE, {"id": owner.id, "first": 1, "after": after})
            after = found["user"]["items"]["pageInfo"]["endCursor"]
            await cache._filler.settle()  # pyright: ignore[reportPrivateUsage]
        assert await stored(redis, settings) == 1
        # A page is stored when it is computed for the second time.
        await until(lambda: are_stored(2, after))

    async def test_searches_of_users_are_not_kept(self, api: Api) -> None:
        await api.user()
        await api.data(USERS)
        for number in range(TIMES):
            await api.data(USERS, {"search": f"Ada {number}"})
        (cache,) = caches
        assert len(cache.kept) == 1

    async def test_filtered_page_has_the_right_items(self, api: Api) -> None:
        owner = await owner_of(api, 3)
        asked = {"id": owner.id, "filter": {"search": "item"}}
        found = (await api.data(PAGE, asked))["user"]["items"]["nodes"]
        assert [node["title"] for node in found] == ["Item 0", "Item 1", "Item 2"]


class TestCommonPages:
    async def test_common_pages_stay_within_their_bytes(self, api: Api) -> None:
        """All of these pages are cached, and together they exceed the limit several times."""
        owner = await owner_of(api, 20, description="A long description. " * 25)
        (cache,) = caches
        most, turned_over = 0, False
        for direction in ("ASC", "DESC"):
            for field in ("CREATED_AT", "UPDATED_AT", "TITLE"):
                for first in range(8, 16):
                    order = {"field": field, "direction": direction}
                    asked = {"id": owner.id, "first": first, "order": order}
                    before = cache.kept.weight_bytes
                    found = await api.data(PAGE, asked)
                    assert len(found["user"]["items"]["nodes"]) == first
                    turned_over |= cache.kept.weight_bytes < before
                    most = max(most, cache.kept.weight_bytes)
        assert 0 < most <= MEMORY_BYTES
        assert turned_over
