"""The scripts in Redis do the same as `weft.cache.fence`, and handle what is no fence."""

import secrets
from collections.abc import AsyncGenerator

import pytest
import redis.asyncio

from weft.cache import fence, scripts
from weft.embedded import EmbeddedServers


@pytest.fixture
async def client(servers: EmbeddedServers) -> AsyncGenerator[redis.asyncio.Redis]:
    async with redis.asyncio.from_url(servers.redis_url) as client:
        yield client


@pytest.fixture
def key() -> str:
    return f"test:{secrets.token_hex(8)}"


@pytest.mark.parametrize(
    "found",
    [None, fence.number(0), fence.number(7), fence.number(2**63), fence.opened(b"a")],
)
@pytest.mark.parametrize("drawn", [1, 7, 2**53 + 1, 2**64 - 1])
class TestScripts:
    async def test_raise_script_agrees_with_fence_raised(
        self, client: redis.asyncio.Redis, key: str, found: bytes | None, drawn: int
    ) -> None:
        if found is not None:
            await client.set(key, found, px=60_000)
        await client.eval(scripts.RAISE.decode(), 1, key, fence.number(drawn))
        assert await client.get(key) == fence.raised(found, fence.number(drawn))

    async def test_make_whole_script_agrees_with_fence_made_whole(
        self, client: redis.asyncio.Redis, key: str, found: bytes | None, drawn: int
    ) -> None:
        seen = fence.opened(b"a")
        if found is not None:
            await client.set(key, found, px=60_000)
        await client.eval(scripts.MAKE_WHOLE.decode(), 1, key, seen, fence.number(drawn))
        assert await client.get(key) == fence.made_whole(found, seen, fence.number(drawn))


@pytest.mark.parametrize("garbage", [b"", b"x" * 20, b"7", b"0" * 20 + b"!", b"\xff" * 40])
class TestGarbage:
    async def test_garbage_is_dropped_by_a_raise(
        self, client: redis.asyncio.Redis, key: str, garbage: bytes
    ) -> None:
        await client.set(key, garbage)
        await client.eval(scripts.RAISE.decode(), 1, key, fence.number(7))
        assert await client.get(key) is None

    async def test_garbage_is_replaced_by_an_open_fence(
        self, client: redis.asyncio.Redis, key: str, garbage: bytes
    ) -> None:
        await client.set(key, garbage)
        await client.eval(scripts.ENSURE.decode(), 1, key, fence.opened(b"a"), 60_000)
        assert await client.get(key) == fence.opened(b"a")


class TestLife:
    @pytest.mark.parametrize(("left_ms", "is_anew"), [(29_000, True), (31_000, False)])
    async def test_fence_gets_its_full_life_back_once_half_is_over(
        self, client: redis.asyncio.Redis, key: str, left_ms: int, is_anew: bool
    ) -> None:
        await client.set(key, fence.number(7), px=left_ms)
        await client.eval(scripts.ENSURE.decode(), 1, key, fence.opened(b"a"), 60_000)
        assert await client.get(key) == fence.number(7)
        assert (await client.pttl(key) > left_ms) == is_anew
