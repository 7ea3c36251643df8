from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from tests.waiting import PATIENCE_SECONDS
from weft.embedded import EmbeddedServers
from weft.rates.windows import Windows

NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
async def prefix(servers: EmbeddedServers, worker_id: str) -> str:
    """Returns a prefix of this test's own, under which nothing is counted yet."""
    prefix = f"rates-{worker_id}"
    async with Redis.from_url(servers.redis_url) as redis:
        for key in await redis.keys(f"{prefix}:*"):
            await redis.delete(key)
    return prefix


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes windows wait for Redis however busy the machine is."""
    monkeypatch.setattr("weft.rates.windows.SECONDS", PATIENCE_SECONDS)


@pytest.fixture
async def windows(servers: EmbeddedServers, prefix: str) -> AsyncIterator[Windows]:
    async with Redis.from_url(servers.redis_url) as redis:
        yield Windows(redis, prefix)


@pytest.fixture
async def other_windows(servers: EmbeddedServers, prefix: str) -> AsyncIterator[Windows]:
    """The windows of another process."""
    async with Redis.from_url(servers.redis_url) as redis:
        yield Windows(redis, prefix)


@pytest.fixture
async def lonely_windows() -> AsyncIterator[Windows]:
    """The windows of a process that cannot reach Redis."""
    async with Redis.from_url(NOWHERE) as redis:
        yield Windows(redis, "nowhere")
