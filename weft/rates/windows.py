"""Counts in windows of time: Redis's, or the process's own while Redis is out of reach."""

import asyncio
import math
import time
from typing import NamedTuple

import structlog
from limits import RateLimitItem
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.asyncio import Redis
from redis.exceptions import RedisError

SECONDS = 0.25
REST_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Window(NamedTuple):
    """What was counted for one key: whether it is within the limit, what is left, until when."""

    within: bool
    left: int
    ends_at: float
    """In seconds since 1970."""

    @property
    def retry_after_seconds(self) -> int:
        return max(1, math.ceil(self.ends_at - time.time()))


class Windows:
    """Fixed windows by the `limits` library, which all processes share.

    While Redis is out of reach each process counts for itself, with the same limits: so a client
    may have as many times the limit as there are processes, and no client has nothing.
    """

    def __init__(self, redis: Redis, prefix: str) -> None:
        """`redis` is used, not closed."""
        storage = RedisStorage(
            "redis://",  # says which client to use; the pool says where Redis is
            implementation="redispy",
            key_prefix=f"{prefix}:rates",
            connection_pool=redis.connection_pool,  # pyright: ignore[reportArgumentType]
        )
        self._shared = FixedWindowRateLimiter(storage)
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._rests_until = 0.0

    async def count(self, item: RateLimitItem, *key: str, cost: int = 1) -> Window:
        """Counts, and tells how things stand."""
        if time.monotonic() >= self._rests_until:
            try:
                async with asyncio.timeout(SECONDS):
                    return await _count(self._shared, item, *key, cost=cost)
            except (RedisError, OSError, TimeoutError):
                self._rest()
        return await _count(self._own, item, *key, cost=cost)

    async def forget(self, item: RateLimitItem, *key: str) -> None:
        """Begins anew."""
        await self._own.clear(item, *key)
        try:
            async with asyncio.timeout(SECONDS):
                await self._shared.clear(item, *key)
        except (RedisError, OSError, TimeoutError):
            self._rest()

    def _rest(self) -> None:
        log.warning("rates_unreachable")
        self._rests_until = time.monotonic() + REST_SECONDS


async def _count(
    limiter: FixedWindowRateLimiter, item: RateLimitItem, *key: str, cost: int
) -> Window:
    within = await limiter.hit(item, *key, cost=cost)
    ends_at, left = await limiter.get_window_stats(item, *key)
    return Window(within, left, ends_at)
