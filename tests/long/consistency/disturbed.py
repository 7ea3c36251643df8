"""Checks servers while their stores are disturbed."""

import asyncio
from collections.abc import Awaitable

import redis.asyncio

from tests.client import Member
from tests.long.consistency.history import History, run_history
from tests.long.consistency.site import Servers
from tests.long.consistency.test_history import FEW, READS


async def check_disturbed(
    site: Servers,
    members: dict[int, Member],
    history: History,
    disturbance: Awaitable[None],
    *,
    redis_url: str,
    piece: int,
) -> None:
    """Reads and writes at least until the disturbance has ended; no read may be stale."""

    async def disturb() -> None:
        await disturbance

    async with asyncio.TaskGroup() as tasks:
        disturbing = tasks.create_task(disturb())
        await run_history(
            site,
            list(members)[:FEW],
            reads=READS,
            readers=6,
            writers=9,
            at_once=40,
            seed=piece,
            history=history,
            ends=disturbing.done,
        )
    assert history.stale == []
    assert history.writes > 10
    async with redis.asyncio.from_url(redis_url) as client:
        assert await client.keys("*:v:*"), "nothing was cached, so nothing was checked"
