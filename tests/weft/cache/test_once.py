"""A missing value is computed once, by all processes together."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI

from app import Process
from resolvers.context import STRANGER, Context, Info
from settings import Settings
from tests.waiting import PATIENCE_SECONDS, soon, until
from tests.weft.cache.settings import with_cache
from weft.cache.field import cached
from weft.cache.policy import CachePolicy, CacheScope

WAIT_MS = 1000 * PATIENCE_SECONDS
READERS = 10
KEY = 7
TTL_SECONDS = 60
COORDINATE = "User.slow"


class Slow:
    """A resolver that runs until the test lets it end, and counts its calls."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_end = asyncio.Event()

    async def __call__(self, parents: Sequence[int], info: Info) -> list[int]:
        self.asked += 1
        found = await info.context.loaders.item_count_by_owner.load_many(parents)
        await self.may_end.wait()
        return found


async def slow(parents: Sequence[int], info: Info) -> list[int]:
    """The resolver, which calls the current `Slow`."""
    return await _slow[0](parents, info)


_slow: list[Slow] = []
_prefix: list[str] = []
POLICY = CachePolicy(
    ttl_seconds=TTL_SECONDS,
    once_ms=WAIT_MS,
    scope=CacheScope.PUBLIC,
    tags=lambda key, _: (f"User:{key}.slow",),
    key=lambda key: key,
    value_type=int,
)
RESOLVE = cached(slow, POLICY)


@pytest.fixture
async def processes(
    settings: Settings, connection: object, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[list[Process]]:
    own = with_cache(settings, monkeypatch)
    _prefix[:] = [own.redis_prefix]
    async with AsyncExitStack() as stack:
        found = [Process(own, lambda: datetime.now(UTC), lambda sql, _: None) for _ in range(2)]
        for server in found:
            await stack.enter_async_context(server.lifespan(FastAPI()))
        yield found


async def read(server: Process) -> Any:
    return await RESOLVE([KEY], Info(Context(server.services, STRANGER, ""), COORDINATE))


async def until_whole(server: Process) -> None:
    """Reads until the fence is whole and the lease is granted."""
    assert server.cache is not None
    fields = server.cache.counts.fields
    before = fields[COORDINATE].hits

    async def is_whole() -> bool:
        await read(server)
        return fields[COORDINATE].hits > before

    await until(is_whole)


def misses(processes: list[Process]) -> int:
    caches = [process.cache for process in processes]
    return sum(cache.counts.fields[COORDINATE].misses for cache in caches if cache is not None)


async def asked_by_all_at_once(processes: list[Process]) -> int:
    """Returns how often the value is computed when ten readers of two processes miss it."""
    _slow[:] = [Slow()]
    _slow[0].may_end.set()
    await until_whole(processes[0])
    store = processes[0].cache_store
    assert store is not None
    assert processes[0].cache is not None
    keys = processes[0].cache.kept.keys
    assert keys is not None
    drawn = await processes[0].database.draw_id(keys.history)
    await store.raise_fences(keys, {f"User:{KEY}.slow": drawn})
    _slow[:] = [Slow()]
    before = misses(processes)
    readers = [asyncio.create_task(read(processes[n % 2])) for n in range(READERS)]
    await until(lambda: misses(processes) >= before + READERS)
    _slow[0].may_end.set()
    assert await asyncio.gather(*readers) == [[0]] * READERS
    return _slow[0].asked


class TestOnce:
    async def test_value_is_computed_once_for_concurrent_readers(
        self, processes: list[Process]
    ) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            # A transaction of another test may be as old as the write: no value is valid then.
            while await asked_by_all_at_once(processes) > 1:
                pass


async def keys_of(server: Process) -> list[bytes]:
    """Returns the keys of values, fences and claims."""
    return [key async for key in server.redis.scan_iter(f"{_prefix[0]}:cache:*{{User:{KEY}}}*")]


async def lives(server: Process) -> dict[str, float]:
    """Returns in how many seconds each of these keys expires, by its kind."""
    return {
        key.decode().rpartition(":{User:")[0][-1]: await server.redis.pttl(key) / 1000
        for key in await keys_of(server)
    }


class TestKept:
    async def test_fences_live_twice_as_long_as_their_values(
        self, processes: list[Process]
    ) -> None:
        _slow[:] = [Slow()]
        _slow[0].may_end.set()
        server = processes[0]
        await until_whole(server)
        found = await lives(server)
        assert found.keys() == {"v", "f"}
        assert found["v"] <= TTL_SECONDS < found["f"] <= 2 * TTL_SECONDS

    async def test_values_that_the_policy_excludes_are_not_kept(
        self, processes: list[Process]
    ) -> None:
        _slow[:] = [Slow()]
        _slow[0].may_end.set()
        await until_whole(processes[0])  # another value, so that the lease is granted
        for server in processes:
            assert server.cache is not None
            server.cache.clear()
        for key in await keys_of(processes[0]):
            await processes[0].redis.delete(key)
        resolve = cached(slow, dataclasses.replace(POLICY, keeps=lambda _, value: value > 0))
        infos = [Info(Context(one.services, STRANGER, ""), COORDINATE) for one in processes]
        # If a claim were not released, they would wait for as long as a test may take.
        readers = [resolve([KEY], infos[number % 2]) for number in range(READERS)]
        assert await soon(asyncio.gather(*readers)) == [[0]] * READERS

        async def is_nothing() -> bool:
            return not await keys_of(processes[0])

        await until(is_nothing)
