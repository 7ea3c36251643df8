"""No read of a cached field is older than a write acknowledged before it, under any fault."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Never

import asyncpg
import redis.asyncio

from settings import Settings
from tests.client import Member
from tests.long.consistency.history import run_history
from tests.long.consistency.site import PlainCache, Servers
from tests.long.pieces import PIECES, in_pieces
from tests.processes import serving
from tests.weft.cache.redis_process import StoppableRedis
from tests.weft.changes.site import running

READS = int(os.environ.get("CONSISTENCY_READS", "1000000")) // PIECES
"""The reads of each scenario in one piece."""

SLOWEST_SECONDS = 10
"""OPERATION_TIMEOUT_MS, which no request may exceed."""
FEW = 100
Members = dict[int, Member]


@asynccontextmanager
async def two_servers(
    members: Members, settings: Settings, *, reads_all: bool = False
) -> AsyncGenerator[Servers]:
    """Runs two server processes with the database and the Redis of the settings."""
    site = Servers(members, reads_all=reads_all)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(site.aclose)
        for _ in range(2):
            site.processes.append(await stack.enter_async_context(serving(settings)))
        yield site


async def stop_and_go(site: Servers, piece: int) -> Never:
    """Stops a random process for a moment, again and again."""
    chance = random.Random(piece)
    while True:
        await asyncio.sleep(chance.random() * 0.5)
        process = chance.choice(site.processes).process
        process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(chance.random() * 0.2)
        finally:
            process.send_signal(signal.SIGCONT)


async def check(site: Servers, members: Members, redis_url: str, piece: int) -> None:
    history = await run_history(
        site, list(members), reads=READS, readers=6, writers=9, at_once=40, seed=piece
    )
    assert history.stale == []
    assert history.writes > 10
    assert site.slowest_seconds < SLOWEST_SECONDS
    async with redis.asyncio.from_url(redis_url) as client:
        assert await client.keys("*:v:*"), "nothing was cached, so nothing was checked"


class TestCachedField:
    @in_pieces
    async def test_cached_field_is_never_stale_while_processes_are_stopped_and_continued(
        self, piece: int, members: Members, settings: Settings, own_redis: StoppableRedis
    ) -> None:
        own = settings.model_copy(update={"redis_url": own_redis.url, "cache": "available"})
        async with two_servers(members, own) as site, running(stop_and_go(site, piece)):
            await check(site, members, own_redis.url, piece)

    @in_pieces
    async def test_cached_field_is_never_stale_while_writes_are_rare(
        self, piece: int, members: Members, settings: Settings, own_redis: StoppableRedis
    ) -> None:
        """With rare writes whole answers are reused, and only the version of all fences is read."""
        own = settings.model_copy(update={"redis_url": own_redis.url, "cache": "available"})
        few = dict(list(members.items())[:FEW])
        async with (
            two_servers(few, own, reads_all=True) as site,
            running(stop_and_go(site, piece)),
        ):
            history = await run_history(
                site,
                list(few),
                reads=READS,
                readers=6,
                writers=2,
                at_once=FEW,
                pause_seconds=0.5,
                seed=piece,
            )
        assert history.stale == []
        assert history.writes > 3

    @in_pieces
    async def test_cached_field_is_never_stale_when_a_process_is_killed(
        self, piece: int, members: Members, settings: Settings, own_redis: StoppableRedis
    ) -> None:
        async def kill() -> None:
            await asyncio.sleep(1)
            site.processes.pop(0).process.kill()

        own = settings.model_copy(update={"redis_url": own_redis.url, "cache": "available"})
        async with two_servers(members, own) as site, running(kill()):
            await check(site, members, own_redis.url, piece)

    @in_pieces
    async def test_cached_field_is_never_stale_while_redis_is_flushed_paused_or_killed(
        self, piece: int, members: Members, settings: Settings, own_redis: StoppableRedis
    ) -> None:
        async def disturb() -> None:
            while True:
                for trouble in (flush, pause, kill):
                    await asyncio.sleep(1.5)
                    await trouble()

        async def kill() -> None:
            await own_redis.kill()
            await asyncio.sleep(0.3)
            await own_redis.start()

        async def pause() -> None:
            own_redis.pause()
            try:
                await asyncio.sleep(1)
            finally:
                own_redis.resume()

        async def flush() -> None:
            async with redis.asyncio.from_url(own_redis.url) as client:
                await client.flushall()

        own = settings.model_copy(update={"redis_url": own_redis.url, "cache": "available"})
        async with two_servers(members, own) as site, running(disturb()):
            history = await run_history(
                site, list(members), reads=READS, readers=6, writers=3, at_once=40, seed=piece
            )
        assert history.stale == []
        assert site.slowest_seconds < SLOWEST_SECONDS


class TestChecker:
    async def test_checker_finds_stale_reads_of_a_naive_cache(
        self, members: Members, database_url: str, own_redis: StoppableRedis
    ) -> None:
        async with (
            asyncpg.create_pool(database_url, max_size=10) as pool,
            redis.asyncio.from_url(own_redis.url) as cache,
        ):
            history = await run_history(
                PlainCache(pool, cache, "plain"),
                list(members)[:5],
                reads=4000,
                readers=6,
                writers=3,
                at_once=3,
            )
        assert history.stale
