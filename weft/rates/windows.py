"""Counts in fixed windows of time: in Redis, or in the process while Redis is out of reach."""

import asyncio
import math
import time
from collections.abc import Callable
from typing import NamedTuple

import structlog
from limits import RateLimitItem
from limits.aio.storage import RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from weft.bounded_cache import BoundedCache
from weft.bounds import ATTEMPTS
from weft.cancellation import cancellable
from weft.memory_weight import weight_of

SECONDS = 0.25
REST_SECONDS = 1.0

log = structlog.get_logger(__name__)


class RateWindow(NamedTuple):
    """The state of one key's window: whether it is within the limit, what is left, when it ends."""

    within: bool
    left: int
    ends_at: float
    """In seconds since 1970."""

    @property
    def retry_after_seconds(self) -> int:
        return max(1, math.ceil(self.ends_at - time.time()))


class OwnWindows:
    """Fixed windows of one process. Those that were counted in only once are evicted first."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since 1970."""
        self._clock = clock
        self._counted: BoundedCache[str, tuple[int, float]] = BoundedCache(ATTEMPTS, clock)

    @property
    def weight_bytes(self) -> int:
        """Bytes of all windows."""
        return self._counted.bytes

    def count(self, item: RateLimitItem, *key: str, cost: int = 1) -> RateWindow:
        """Adds `cost` to the key's window and returns its state."""
        name = item.key_for(*key)
        counted, ends_at = self._counted.get(name) or (0, self._clock() + item.get_expiry())
        entry = counted + cost, ends_at
        self._counted.put(name, entry, weight_of((name, entry)), ends_at)
        left = item.amount - counted - cost
        return RateWindow(left >= 0, max(0, left), ends_at)

    def forget(self, item: RateLimitItem, *key: str) -> None:
        """Resets the key's window."""
        self._counted.drop(item.key_for(*key))


class Windows:
    """Fixed windows of the `limits` library, shared by all processes.

    While Redis is out of reach each process counts by itself, with the same limits: a client may
    then have the limit once in each process, and no client is shut out.
    """

    def __init__(self, redis: Redis, prefix: str) -> None:
        """Uses `redis` and does not close it."""
        storage = RedisStorage(
            "redis://",  # selects the client only; the pool has the address of Redis
            implementation="redispy",
            key_prefix=f"{prefix}:rates",
            connection_pool=redis.connection_pool,  # pyright: ignore[reportArgumentType]
        )
        self._shared = FixedWindowRateLimiter(storage)
        self._own = OwnWindows()
        self._rests_until = 0.0

    async def count(self, item: RateLimitItem, *key: str, cost: int = 1) -> RateWindow:
        """Adds `cost` to the key's window and returns its state."""
        if time.monotonic() >= self._rests_until:
            try:
                async with asyncio.timeout(SECONDS):
                    return await self._count_shared(item, *key, cost=cost)
            except (RedisError, OSError, TimeoutError):
                self._rest()
        return self._own.count(item, *key, cost=cost)

    async def _count_shared(self, item: RateLimitItem, *key: str, cost: int) -> RateWindow:
        within = await cancellable(self._shared.hit(item, *key, cost=cost))
        ends_at, left = await cancellable(self._shared.get_window_stats(item, *key))
        return RateWindow(within, left, ends_at)

    async def forget(self, item: RateLimitItem, *key: str) -> None:
        """Resets the key's window."""
        self._own.forget(item, *key)
        try:
            async with asyncio.timeout(SECONDS):
                await cancellable(self._shared.clear(item, *key))
        except (RedisError, OSError, TimeoutError):
            self._rest()

    def _rest(self) -> None:
        log.warning("rates_unreachable")
        self._rests_until = time.monotonic() + REST_SECONDS
