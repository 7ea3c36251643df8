"""The cache's store in Redis: the steps of the protocol on one server or on a cluster."""

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
"""Leaves room to count up from a random number: Redis's integers have 63 bits."""


class RedisStore:
    """`weft.cache.steps.Store` in Redis. Keys begin with `prefix` and the server's run id."""

    def __init__(self, url: str, prefix: str, limits: StoreLimits | None = None) -> None:
        self.limits = limits or StoreLimits()
        self._prefix = prefix
        self._layout = Cluster(url, self.limits, self._name, prefix)

    def _name(self, run_id: str) -> bytes:
        return f"{self._prefix}:cache:{run_id}:".encode()

    async def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Returns the value of each key, in order; None if there is none, or it is no string.

        None also where a server of the cluster does not answer.
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
        """Stores values, each given as key, value, and milliseconds to live."""
        await self._write([(b"SET", key, value, b"PX", life_ms) for key, value, life_ms in entries])

    async def claim(self, keys: Sequence[bytes], life_ms: int) -> list[bool]:
        """Claims keys for `life_ms`; returns for each whether it was free."""
        answers = await self._write([(b"SET", key, b"1", b"PX", life_ms, b"NX") for key in keys])
        return [answer is not None for answer in answers]

    async def release(self, keys: Sequence[bytes]) -> None:
        """Releases claims."""
        await self._write([(b"DEL", key) for key in keys])

    async def _write(self, commands: Sequence[KeyCommand]) -> list[Any]:
        async def write(server: RedisServer, places: list[int]) -> list[Any]:
            return await server.write([commands[place] for place in places])

        places = await self._places([key for _, key, *_ in commands])
        return _gathered(len(commands), places, await of_each(write, places))

    async def ensure_fences(self, keys: Sequence[bytes], token: bytes, life_ms: int) -> list[bytes]:
        """Returns the fence of each key; makes an open one with this token where there is none.

        Each is kept for at least half of `life_ms` from now on.
        """
        shared = opened(token), min(life_ms, self.limits.fence_seconds * 1000)
        return await self._run(scripts.ENSURE, keys, shared=shared)

    async def make_whole(
        self, keys: Sequence[bytes], seen: Sequence[bytes], transaction_id: int
    ) -> list[bytes]:
        """Makes whole the fences that are still as they were seen; returns the fences of all."""
        return await self._run(scripts.MAKE_WHOLE, keys, seen, [number(transaction_id)])

    async def raise_fences(self, keys: Keys, transactions: Mapping[str, int]) -> None:
        """Raises existing fences of tags, each to the id of a transaction before it commits."""
        raised, numbers = [*keys.fences(transactions)], [*map(number, transactions.values())]
        if await self._layout.only() is not None:
            raised.append(keys.version)
            numbers.append(scripts.NEXT)
        await self._run(scripts.RAISE, raised, numbers, raises=True)

    async def time_ms(self) -> int:
        """Returns the time of the server that holds the lease, by whose clock the lease ends."""
        (server,) = await self._places([LEASE_KEY])
        seconds, microseconds = await server.ask(b"TIME")
        return int(seconds) * 1000 + int(microseconds) // 1000

    async def renew_lease(self, keys: Keys, until_ms: int) -> bool:
        """Prolongs the lease; false if there is none to prolong."""
        names, new = await self._lease_and_version(keys)
        renewed, *_ = await self._run(scripts.RENEW, names, shared=[until_ms, *new])
        return bool(renewed)

    async def grant_lease(self, keys: Keys, transaction_id: int, until_ms: int) -> None:
        """Sets a lease by which no value is valid that was read before this transaction began."""
        names, new = await self._lease_and_version(keys)
        await self._run(scripts.GRANT, names, shared=[until_ms, *new, number(transaction_id)])

    async def _lease_and_version(self, keys: Keys) -> tuple[list[bytes], tuple[int, int]]:
        """Returns the keys, and number and lifetime of a new version; the number is random.

        A cluster has no version: fences and number would not change in one step there.
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
        """Closes every connection that is not in use."""
        await self._layout.aclose()


def _gathered(
    count: int,
    places: Mapping[RedisServer, Sequence[int]],
    answers: Sequence[list[Any] | BaseException],
) -> list[Any]:
    """Returns the replies of all servers in order; raises the first error."""
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
