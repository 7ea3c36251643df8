"""The version of all fences: the reads that it saves, and operations that read their writes."""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import redis.asyncio

from settings import Settings
from tests.client import Api, Member
from tests.waiting import until
from tests.weft.cache.settings import with_cache
from weft.cache import fence, scripts
from weft.cache.keys import VERSION_KEY
from weft.embedded import EmbeddedServers

READ = "query ($id: ID!) { user(id: $id) { itemCount items { totalCount } } }"
# A value computed after the write is valid for the second use, further down.
WRITE_TWICE = """mutation {
  one: createItem(input: {title: "One", status: PUBLISHED}) { item { owner { ...Counts } } }
  two: createItem(input: {title: "Two", status: PUBLISHED}) { item { owner { ...Counts } } }
}
fragment Counts on User { itemCount items(first: 1) { nodes { owner { itemCount } } } }
"""


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    return with_cache(settings, monkeypatch)


@pytest.fixture
async def client(servers: EmbeddedServers) -> AsyncGenerator[redis.asyncio.Redis]:
    async with redis.asyncio.from_url(servers.redis_url) as client:
        yield client


@asynccontextmanager
async def commands(client: redis.asyncio.Redis) -> AsyncGenerator[list[list[bytes]]]:
    """Records the commands of all clients of Redis while the block runs."""
    heard: list[list[bytes]] = []
    end = secrets.token_hex(8)

    async def listen() -> None:
        async for command in monitor.listen():
            words = command["command"].split(" ")
            if words[-1] == end:
                return
            heard.append([word.encode() for word in words])

    async with client.monitor() as monitor:
        listening = asyncio.create_task(listen())
        yield heard
        await client.echo(end)
        await listening


async def reads_of(api: Api, owner: Member, client: redis.asyncio.Redis) -> list[list[bytes]]:
    """Returns the keys, without their common prefix, of each command of an operation's read."""
    async with commands(client) as heard:
        await api.data(READ, {"id": owner.id})
    prefix = api.settings.redis_prefix.encode() + b":cache:"
    return [
        [key.split(b":", 4)[-1] if key.startswith(prefix) else key for key in keys]
        for verb, *keys in heard
        if verb == b"MGET" and keys[0].startswith(prefix)
    ]


async def calm(api: Api, owner: Member, client: redis.asyncio.Redis) -> None:
    """Reads until one command for the lease and the version is enough."""

    async def is_calm() -> bool:
        return [len(keys) for keys in await reads_of(api, owner, client)] == [2]

    await until(is_calm)


async def count_of(api: Api, owner: Member) -> int:
    return (await api.data(READ, {"id": owner.id}))["user"]["itemCount"]


class TestVersion:
    async def test_version_is_all_that_an_operation_reads_between_writes(
        self, api: Api, client: redis.asyncio.Redis
    ) -> None:
        owner = await api.user()
        await calm(api, owner, client)
        (keys,) = await reads_of(api, owner, client)
        assert keys[1].endswith(VERSION_KEY)

    async def test_version_changes_with_every_write(
        self, api: Api, client: redis.asyncio.Redis
    ) -> None:
        owner = await api.user()
        await calm(api, owner, client)
        written = 0

        async def is_found() -> bool:
            return await count_of(api, owner) == written

        for _ in range(3):
            await api.item(owner)  # a write outside the application
            written += 1
            await until(is_found)

    async def test_operation_reads_the_version_again_after_it_has_written(
        self, api: Api, client: redis.asyncio.Redis
    ) -> None:
        owner = await api.user()
        await calm(api, owner, client)
        for count in (2, 4):
            answer = await api.data(WRITE_TWICE, by=owner)
            for name, counted in (("one", count - 1), ("two", count)):
                owner_then = answer[name]["item"]["owner"]
                assert owner_then["itemCount"] == counted
                assert owner_then["items"]["nodes"][0]["owner"]["itemCount"] == counted
            assert await count_of(api, owner) == count


@pytest.mark.parametrize("found", [b"1", b"9223372036854775807", b"no number", None])
async def test_raise_never_leaves_the_version_unchanged(
    client: redis.asyncio.Redis, found: bytes | None
) -> None:
    key = f"test:{secrets.token_hex(8)}"
    if found is not None:
        await client.set(key, found, px=60_000)
    await client.eval(scripts.RAISE.decode(), 1, key, scripts.NEXT)
    assert await client.get(key) == (b"2" if found == b"1" else None)


async def test_value_of_another_type_is_replaced_by_a_version(client: redis.asyncio.Redis) -> None:
    key, lease = f"test:{secrets.token_hex(8)}", f"test:{secrets.token_hex(8)}"
    await client.rpush(key, "foreign")
    await client.eval(scripts.RAISE.decode(), 1, key, scripts.NEXT)
    assert await client.exists(key) == 0
    for number in (7, 8):
        arguments = (2**45 * 1000, number, 60_000, fence.number(7))
        await client.eval(scripts.GRANT.decode(), 2, lease, key, *arguments)
    assert await client.get(key) == b"7"
