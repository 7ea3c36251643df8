"""Faults of Redis cost time, never a correct answer, and the cache recovers by itself.

An operation that waited for Redis without end would fail after OPERATION_TIMEOUT_MS.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
import redis.asyncio

from app import create_app
from settings import Settings
from tests.client import Api, Clock, Member
from tests.waiting import until
from tests.weft.cache.redis_process import StoppableRedis

READ = "query ($id: ID!) { user(id: $id) { itemCount items { totalCount nodes { title } } } }"
CREATE = """mutation { createItem(input: {title: "New", status: PUBLISHED}) {
    item { id } errors { code } } }"""


@pytest.fixture
async def store(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoppableRedis]:
    directory = tmp_path_factory.mktemp("redis")
    server = StoppableRedis(directory / "r.sock", "--dir", str(directory))
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def client(store: StoppableRedis) -> AsyncIterator[redis.asyncio.Redis]:
    async with redis.asyncio.from_url(store.url) as client:
        yield client


@pytest.fixture(params=["available"])
async def api(
    connection: asyncpg.Connection,
    settings: Settings,
    store: StoppableRedis,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Api]:
    own = settings.model_copy(update={"cache": request.param, "redis_url": store.url})
    statements: list[str] = []
    app = create_app(own, observe=lambda sql, _: statements.append(sql))
    async with Api(app, own, connection, Clock(), statements) as api:
        yield api


async def read(api: Api, owner: Member) -> int:
    """Returns the number of items, on which three cached fields must agree."""
    user: Any = (await api.data(READ, {"id": owner.id}))["user"]
    found = {user["itemCount"], user["items"]["totalCount"], len(user["items"]["nodes"])}
    assert len(found) == 1, user
    return found.pop()


async def until_cached(api: Api, owner: Member) -> int:
    found = 0

    async def is_cached() -> bool:
        nonlocal found
        before = sum("items" in sql for sql in api.statements)
        found = await read(api, owner)
        return sum("items" in sql for sql in api.statements) == before

    await until(is_cached)
    return found


async def our_keys(client: redis.asyncio.Redis) -> list[bytes]:
    return [key async for key in client.scan_iter("*:cache:*")]


async def make_lists(client: redis.asyncio.Redis) -> None:
    for key in await our_keys(client):
        # In one transaction, since the server writes meanwhile.
        async with client.pipeline(transaction=True) as pipeline:
            pipeline.delete(key)
            pipeline.rpush(key, "not", "ours")
            await pipeline.execute()


async def make_garbage(client: redis.asyncio.Redis) -> None:
    for key in await our_keys(client):
        await client.set(key, b"\xff garbage", keepttl=True)


async def make_other_numbers(client: redis.asyncio.Redis) -> None:
    """Writes values that begin like an entry and are none."""
    for key in await our_keys(client):
        if b":v:" in key:
            await client.set(key, b"9" * 20 + b"\x92\xcb", keepttl=True)


async def evict_half(client: redis.asyncio.Redis) -> None:
    for key in (await our_keys(client))[::2]:
        await client.delete(key)


async def fill_up(client: redis.asyncio.Redis) -> None:
    await client.config_set("maxmemory-policy", "noeviction")
    await client.config_set("maxmemory", "1")


async def evict_all(client: redis.asyncio.Redis) -> None:
    await client.config_set("maxmemory-policy", "allkeys-random")
    await client.config_set("maxmemory", "1")


async def flush(client: redis.asyncio.Redis) -> None:
    await client.flushall()


TROUBLES = [
    make_lists,
    make_garbage,
    make_other_numbers,
    evict_half,
    fill_up,
    evict_all,
    flush,
]
Trouble = Callable[[redis.asyncio.Redis], Awaitable[None]]


class TestRedisInTrouble:
    @pytest.mark.parametrize("trouble", TROUBLES)
    async def test_fault_of_redis_never_makes_an_answer_wrong(
        self, api: Api, client: redis.asyncio.Redis, trouble: Trouble
    ) -> None:
        owner = await api.user()
        expected = await until_cached(api, owner)
        for _ in range(3):
            await trouble(client)
            assert await read(api, owner) == expected
            assert (await api.data(CREATE, by=owner))["createItem"]["item"]
            expected += 1
            assert await read(api, owner) == expected
        await client.config_set("maxmemory", "0")
        assert await until_cached(api, owner) == expected

    async def test_paused_redis_never_makes_an_answer_wrong(
        self, api: Api, store: StoppableRedis
    ) -> None:
        owner = await api.user()
        expected = await until_cached(api, owner)
        store.pause()
        try:
            assert await read(api, owner) == expected
            assert (await api.data(CREATE, by=owner))["createItem"]["item"]
            expected += 1
            assert await read(api, owner) == expected
        finally:
            store.resume()
        assert await read(api, owner) == expected
        assert await until_cached(api, owner) == expected

    async def test_empty_replacement_of_redis_never_makes_an_answer_wrong(
        self, api: Api, store: StoppableRedis
    ) -> None:
        owner = await api.user()
        expected = await until_cached(api, owner)
        await store.kill()
        assert await read(api, owner) == expected
        await api.data(CREATE, by=owner)
        assert await read(api, owner) == expected + 1
        await store.start()
        assert await until_cached(api, owner) == expected + 1

    async def test_lagging_copy_of_redis_never_makes_an_answer_wrong(
        self, api: Api, store: StoppableRedis, client: redis.asyncio.Redis
    ) -> None:
        """A promoted replica is such a copy: it has the contents of an earlier moment."""
        owner = await api.user()
        expected = await until_cached(api, owner)
        await client.save()
        for _ in range(2):
            await api.data(CREATE, by=owner)
        expected += 2
        assert await until_cached(api, owner) == expected
        await store.kill()
        await store.start()
        assert len(await our_keys(client)) > 3, "the copy holds nothing of ours"
        for _ in range(5):
            assert await read(api, owner) == expected
        assert await until_cached(api, owner) == expected


class TestStrict:
    @pytest.mark.parametrize("api", ["strict"], indirect=True)
    async def test_strict_cache_refuses_a_write_whose_fence_cannot_be_raised(
        self, api: Api, store: StoppableRedis
    ) -> None:
        owner = await api.user()
        expected = await until_cached(api, owner)
        await store.kill()
        assert await api.errors(CREATE, by=owner) == [("UNAVAILABLE", ["createItem"])]
        assert await read(api, owner) == expected
        await store.start()

        async def is_written() -> bool:
            return "errors" not in await api.answer(CREATE, by=owner)

        await until(is_written)
        assert await read(api, owner) == expected + 1
