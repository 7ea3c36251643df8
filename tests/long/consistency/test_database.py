"""No read is stale when PostgreSQL crashes, or is restored to an earlier state."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from settings import Settings
from tests.client import Member
from tests.long.consistency.disturbed import check_disturbed
from tests.long.consistency.history import History
from tests.long.consistency.site import Servers
from tests.long.pieces import in_pieces
from tests.own_postgresql import DRAW, OwnPostgreSQL
from tests.processes import serving
from tests.weft.cache.redis_process import StoppableRedis
from weft.cache.limits import LEASE_MARGIN_MS, LEASE_MS

LEASE_SECONDS = (LEASE_MS + LEASE_MARGIN_MS) / 1000
BETWEEN_SECONDS = 1.0
FAULTS = 2
"""The faults in one piece; reads go on after the last one."""
TURN_SECONDS = 0.3

Fault = Callable[[OwnPostgreSQL, History], Awaitable[None]]


async def crash(postgresql: OwnPostgreSQL, history: History) -> None:
    """Crashes PostgreSQL in two ways, after values were stored under ids that the crash loses."""
    for kill in (postgresql.kill, postgresql.kill_backend):
        await asyncio.sleep(BETWEEN_SECONDS)
        async with history.paused(reads=False):
            await postgresql.run(DRAW)
            await asyncio.sleep(TURN_SECONDS)  # the last writes are read, and cached
            await kill()


async def put_back(postgresql: OwnPostgreSQL, history: History) -> None:
    """Puts back an earlier cold copy while the servers run."""
    async with history.paused(reads=True):
        known = history.known()
        await postgresql.copy()
    await postgresql.run(DRAW)  # undone writes get higher ids than later ones
    await asyncio.sleep(2 * BETWEEN_SECONDS)
    async with history.paused(reads=True):
        await postgresql.put_back()
        history.restore(known)
        await asyncio.sleep(LEASE_SECONDS)
    await asyncio.sleep(BETWEEN_SECONDS)


@in_pieces
@pytest.mark.parametrize("fault", [crash, put_back])
async def test_cached_field_is_never_stale_after_faults_of_postgresql(
    piece: int,
    fault: Fault,
    postgresql: OwnPostgreSQL,
    members_of_own: dict[int, Member],
    settings: Settings,
    own_redis: StoppableRedis,
) -> None:
    history = History()

    async def disturb() -> None:
        for _ in range(FAULTS):
            await fault(postgresql, history)

    own = settings.model_copy(
        update={
            "database_url": postgresql.dsn,
            "redis_url": own_redis.url,
            "cache": "available",
        }
    )
    site = Servers(members_of_own, has_outages=True)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(site.aclose)
        for _ in range(2):
            site.processes.append(await stack.enter_async_context(serving(own)))
        await check_disturbed(
            site, members_of_own, history, disturb(), redis_url=own_redis.url, piece=piece
        )
