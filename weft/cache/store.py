"""The cache in Redis: reads of all operations joined, and the protocol's steps on its fences."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import structlog
from redis.asyncio.connection import ConnectionPool
from redis.exceptions import NoScriptError

from weft.cache import scripts
from weft.cache.breaker import Breaker
from weft.cache.connection import RedisConnection, connect
from weft.cache.errors import CacheUnavailable
from weft.cache.fence import number, opened
from weft.cache.limits import StoreLimits
from weft.loading.connections import HeldConnections
from weft.loading.dispatch import Dispatcher

LEASE_KEY = b"lease"

_log = structlog.get_logger(__name__)


class RedisStore:
    """One Redis server. Keys begin with `prefix`, the server's run, and the database's name.

    `database` names the history of transaction ids: unless it is set, nothing is cached, and what
    was stored under another is never found again.
    """

    def __init__(self, url: str, prefix: str, limits: StoreLimits | None = None) -> None:
        self.limits = limits or StoreLimits()
        self.database: str | None = None
        self._prefix = prefix
        # No timeouts of redis-py's own: before Python 3.12 those lose cancellations.
        self._pool = ConnectionPool.from_url(
            url, socket_timeout=None, socket_connect_timeout=None, health_check_interval=0
        )
        count = self.limits.connections
        self._reads = Dispatcher(HeldConnections(self._connect_to_read, count))
        self._writers = HeldConnections(self._connect, count)
        self._read_breaker = Breaker(self.limits.breaker_ms / 1000)
        self._raise_breaker = Breaker(self.limits.breaker_ms / 1000)
        self._read_seconds = self.limits.read_ms / 1000
        self._raise_seconds = self.limits.raise_ms / 1000

    async def _connect(self) -> RedisConnection:
        return await connect(self._pool)

    async def _connect_to_read(self) -> RedisConnection:
        if self._read_breaker.is_open:
            raise CacheUnavailable("The cache failed a moment ago.")
        try:
            return await connect(self._pool)
        except CacheUnavailable as error:
            self._failed(self._read_breaker, error)
            raise

    def _failed(self, breaker: Breaker, error: CacheUnavailable) -> None:
        if not breaker.failures:
            _log.warning("cache_lost", error=repr(error.__cause__ or error))
        breaker.failed()

    def name(self, connection: RedisConnection) -> bytes:
        """What every key begins with on this connection."""
        if self.database is None:
            raise CacheUnavailable("The database is not known yet.")
        return f"{self._prefix}:cache:{connection.run_id}:{self.database}:".encode()

    async def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """What stands under each key, in order; None for nothing, and for what is no text.

        Joins with all that other operations ask in the meantime.
        """
        if self._read_breaker.is_open:
            raise CacheUnavailable("The cache failed a moment ago.")
        return await self._reads.submit(self._fetch, keys)

    async def _fetch(
        self, connection: RedisConnection, keys: Sequence[bytes]
    ) -> list[bytes | None]:
        name = self.name(connection)
        named = [name + key for key in keys]
        try:
            answer = await connection.ask(b"MGET", *named, seconds=self._read_seconds)
        except CacheUnavailable as error:
            self._failed(self._read_breaker, error)
            raise
        self._read_breaker.answered()
        return answer

    async def write(self, entries: Sequence[tuple[bytes, bytes, int]]) -> None:
        """Stores values: key, value, and milliseconds to live."""
        async with self._writers.lend() as connection:
            name = self.name(connection)
            await connection.ask_all(
                [(b"SET", name + key, value, b"PX", life) for key, value, life in entries],
                seconds=self._read_seconds,
            )

    async def ensure_fences(self, keys: Sequence[bytes], token: bytes) -> list[bytes]:
        """The fence of each key; an open one with this token where there was none."""
        return await self._run(
            scripts.ENSURE, keys, opened(token), self.limits.fence_seconds * 1000
        )

    async def make_whole(
        self, keys: Sequence[bytes], seen: Sequence[bytes], transaction_id: int
    ) -> list[bytes]:
        """The fences after those that still are as they were seen have become whole."""
        return await self._run(scripts.MAKE_WHOLE, keys, number(transaction_id), *seen)

    async def raise_fences(self, transactions: Mapping[bytes, int]) -> None:
        """Raises those fences that are there, each to a transaction id, before that commits."""
        if self.database is None or self._raise_breaker.is_open:
            raise CacheUnavailable("The cache failed a moment ago, or was never reached.")
        try:
            await self._run(
                scripts.RAISE,
                list(transactions),
                *map(number, transactions.values()),
                seconds=self._raise_seconds,
            )
        except CacheUnavailable as error:
            self._failed(self._raise_breaker, error)
            raise
        self._raise_breaker.answered()

    async def time_ms(self) -> int:
        """The time of the server that holds the lease; leases end by it, whatever is late."""
        async with self._writers.lend() as connection:
            seconds, microseconds = await connection.ask(b"TIME", seconds=self._raise_seconds)
        return int(seconds) * 1000 + int(microseconds) // 1000

    async def renew_lease(self, until_ms: int) -> bool:
        """Prolongs the lease; false if there is none to prolong."""
        return bool(
            await self._run(scripts.RENEW, [LEASE_KEY], until_ms, seconds=self._raise_seconds)
        )

    async def grant_lease(self, transaction_id: int, until_ms: int) -> None:
        """A new lease, by which nothing is taken that was read before this transaction began."""
        argument = number(transaction_id)
        await self._run(scripts.GRANT, [LEASE_KEY], argument, until_ms, seconds=self._raise_seconds)

    async def _run(
        self,
        script: bytes,
        keys: Sequence[bytes],
        *arguments: bytes | int,
        seconds: float | None = None,
    ) -> Any:
        async with self._writers.lend() as connection:
            name = self.name(connection)
            named = [name + key for key in keys]
            limit = self._read_seconds if seconds is None else seconds
            digest = _digest(script)
            try:
                return await connection.ask(
                    *(b"EVALSHA", digest, len(named), *named, *arguments), seconds=limit
                )
            except NoScriptError:
                return await connection.ask(
                    *(b"EVAL", script, len(named), *named, *arguments), seconds=limit
                )

    async def aclose(self) -> None:
        """Ends every connection that is not in use."""
        await self._reads.close()
        await self._writers.close()


@cache
def _digest(script: bytes) -> bytes:
    return hashlib.sha1(script, usedforsecurity=False).hexdigest().encode()
