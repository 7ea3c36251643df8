"""A write outside the application is seen no later than one lease after its commit."""

import asyncio
import os
import time

import pytest

from settings import Settings
from tests.client import Api, Member
from tests.waiting import PATIENCE_SECONDS, until
from tests.weft.cache.settings import with_cache
from weft.cache.limits import LEASE_MARGIN_MS, StoreLimits
from weft.embedded.binaries import postgresql_binaries

WRITES = 5
BOUND_SECONDS = (StoreLimits().lease_ms + LEASE_MARGIN_MS) / 1000
COUNT = "query ($id: ID!) { user(id: $id) { itemCount } }"


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    return with_cache(settings, monkeypatch, lease_ms=StoreLimits().lease_ms)


async def psql(settings: Settings, sql: str) -> None:
    url = str(settings.database_url).replace("+asyncpg", "", 1)
    process = await asyncio.create_subprocess_exec(
        *(postgresql_binaries() / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql, url),
        env=os.environ,
    )
    assert await process.wait() == 0


async def count_of(api: Api, owner: Member) -> int:
    return (await api.data(COUNT, {"id": owner.id}))["user"]["itemCount"]


async def until_cached(api: Api, owner: Member) -> None:
    async def is_cached() -> bool:
        api.statements.clear()
        await count_of(api, owner)
        return not any("count(" in sql for sql in api.statements)

    await until(is_cached)


async def lag_seconds(api: Api, owner: Member, expected: int, before: str) -> float:
    """Returns how long after a commit by psql the last read began that does not see it.

    Its begin counts, not its end: on however slow a machine, the cache is read after the begin.
    """
    sql = f"INSERT INTO items (owner_id, title, status) VALUES ({owner.key}, 'New', 'PUBLISHED')"
    await psql(api.settings, before + sql)
    committed = time.monotonic()
    lag = 0.0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            began = time.monotonic()
            if await count_of(api, owner) == expected:
                return lag
            lag = began - committed


class TestWriterInPsql:
    @pytest.mark.parametrize("before", ["", "SET session_replication_role = replica; "])
    async def test_write_in_psql_is_seen_within_a_lease(self, api: Api, before: str) -> None:
        owner = await api.user()
        lags: list[float] = []
        for expected in range(1, WRITES + 1):
            await until_cached(api, owner)
            lags.append(await lag_seconds(api, owner, expected, before))
        assert max(lags) <= BOUND_SECONDS
