"""The cache in Redis: the protocol's steps on one server, or on the servers of a cluster."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from weft.cache import scripts
from weft.cache.cluster import Cluster, of_each
from weft.cache.errors import CacheUnavailable
from weft.cache.fence import number, opened
from weft.cache.keys import LEASE_KEY, Keys
from weft.cache.limits import StoreLimits
from weft.cache.server import KeyCommand, RedisServer

VERSION_BITS = 62
"""Room to count on: Redis's numbers have 63."""


class RedisStore:
    """`weft.cache.steps.Store`. Before each key stand `prefix` and the server's run."""

    def __init__(self, url: str, prefix: str, limits: StoreLimits | None = None) -> None:
        self.limits = limits or StoreLimits()
        self._prefix = prefix
        self._layout = Cluster(url, self.limits, self._name, prefix)

    def _name(self, run_id: str) -> bytes:
        return f"{self._prefix}:cache:{run_id}:".encode()

    async def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """What stands under each key, in order; None for nothing, and for what is no text.

        None also for what is kept by a server of the cluster that does not answer.
        """
        only = await self._layout.only()
        if only is not None:
            return await only.read(keys)

        async def read(server: RedisServer, places: list[int]) -> list[bytes | None]:
            return await server.read([keys[place] for place in places])

        places = self._layout.places(keys)
        found: list[bytes | None] = [None] * len(keys)
        for where, answer in zip(places.values(), await of_each(read, places), strict=True):
            if isinstance(answer, BaseException):
                _only_unavailable(answer)
                continue
            for place, value in zip(where, answer, strict=True):
                found[place] = value
        return found

    async def write(self, entries: Sequence[tuple[bytes, bytes, int]]) -> None:
        """Stores values: key, value, and milliseconds to live."""
        await self._write([(b"SET", key, value, b"PX", life_ms) for key, value, life_ms in entries])

    async def claim(self, keys: Sequence[bytes], life_ms: int) -> list[bool]:
        """Whether nobody else has each key, which is the caller's from now on, for so long."""
        answers = await self._write([(b"SET", key, b"1", b"PX", life_ms, b"NX") for key in keys])
        return [answer is not None for answer in answers]

    async def release(self, keys: Sequence[bytes]) -> None:
        """Ends claims."""
        await self._write([(b"DEL", key) for key in keys])

    async def _write(self, commands: Sequence[KeyCommand]) -> list[Any]:
        async def write(server: RedisServer, places: list[int]) -> list[Any]:
            return await server.write([commands[place] for place in places])

        places = await self._places([key for _, key, *_ in commands])
        return _gathered(len(commands), places, await of_each(write, places))

    async def ensure_fences(self, keys: Sequence[bytes], token: bytes, life_ms: int) -> list[bytes]:
        """The fence of each key; an open one with this token where there was none.

        Each is kept for at least half of `life_ms` from now on.
        """
        shared = opened(token), min(life_ms, self.limits.fence_seconds * 1000)
        return await self._run(scripts.ENSURE, keys, shared=shared)

    async def make_whole(
        self, keys: Sequence[bytes], seen: Sequence[bytes], transaction_id: int
    ) -> list[bytes]:
        """The fences after those that still are as they were seen have become whole."""
        return await self._run(scripts.MAKE_WHOLE, keys, seen, [number(transaction_id)])

    async def raise_fences(self, keys: Keys, transactions: Mapping[str, int]) -> None:
        """Raises the fences of tags that are there, to a transaction id each, before it commits."""
        raised, numbers = [*keys.fences(transactions)], [*map(number, transactions.values())]
        if await self._layout.only() is not None:
            raised.append(keys.version)
            numbers.append(scripts.NEXT)
        await self._run(scripts.RAISE, raised, numbers, raises=True)

    async def time_ms(self) -> int:
        """The time of the server that holds the lease; leases end by it, whatever is late."""
        (server,) = await self._places([LEASE_KEY])
        seconds, microseconds = await server.ask(b"TIME")
        return int(seconds) * 1000 + int(microseconds) // 1000

    async def renew_lease(self, keys: Keys, until_ms: int) -> bool:
        """Prolongs the lease; false if there is none to prolong."""
        names, new = await self._lease_and_version(keys)
        renewed, *_ = await self._run(scripts.RENEW, names, shared=[until_ms, *new])
        return bool(renewed)

    async def grant_lease(self, keys: Keys, transaction_id: int, until_ms: int) -> None:
        """A new lease, by which nothing is taken that was read before this transaction began."""
        names, new = await self._lease_and_version(keys)
        await self._run(scripts.GRANT, names, shared=[until_ms, *new, number(transaction_id)])

    async def _lease_and_version(self, keys: Keys) -> tuple[list[bytes], tuple[int, int]]:
        """The keys, and of a new version the number, which never was one before, and the life.

        A cluster has no version: fences and number would change one after the other there.
        """
        new = secrets.randbits(VERSION_BITS), self.limits.fence_seconds * 1000
        is_alone = await self._layout.only() is not None
        return [keys.lease, keys.version] if is_alone else [keys.lease], new

    async def _places(self, keys: Sequence[bytes]) -> dict[RedisServer, list[int]]:
        only = await self._layout.only()
        return self._layout.places(keys) if only is None else {only: list(range(len(keys)))}

    async def _run(
        self,
        script: bytes,
        keys: Sequence[bytes],
        each: Sequence[bytes] = (),
        shared: Sequence[bytes | int] = (),
        *,
        raises: bool = False,
    ) -> list[Any]:
        async def run(server: RedisServer, places: list[int]) -> list[Any]:
            own_keys = [keys[place] for place in places]
            own_each = [each[place] for place in places] if each else ()
            return await server.run(script, own_keys, own_each, shared, raises=raises)

        places = await self._places(keys)
        return _gathered(len(keys), places, await of_each(run, places))

    async def aclose(self) -> None:
        """Ends every connection that is not in use."""
        await self._layout.aclose()


def _gathered(
    count: int,
    places: Mapping[RedisServer, Sequence[int]],
    answers: Sequence[list[Any] | BaseException],
) -> list[Any]:
    """The answers of all servers in order; the first error, if there is one."""
    found: list[Any] = [None] * count
    for where, answer in zip(places.values(), answers, strict=True):
        if isinstance(answer, BaseException):
            raise answer
        for place, value in zip(where, answer, strict=True):
            found[place] = value
    return found


def _only_unavailable(error: BaseException) -> None:
    if not isinstance(error, CacheUnavailable):
        raise error
