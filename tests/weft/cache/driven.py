"""Drives the cache's own code step by step: every command waits until the test lets it arrive.

A coroutine that awaits nothing but `Crossing`s needs no event loop. So a test may let commands of
several processes arrive in any order, lose replies, and let a command arrive long after its sender
timed out.
"""

from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from weft.cache import fence
from weft.cache.errors import CacheUnavailable
from weft.cache.keys import Keys
from weft.cache.limits import StoreLimits
from weft.errors import Unavailable

LEASE_SECONDS = 3
FENCE_SECONDS = 20


class Crossing:
    """A command on its way to the database or to Redis, which can fail."""

    def __init__(self, command: Callable[[], Any], *, can_fail: bool) -> None:
        self.command = command
        self.can_fail = can_fail

    def __await__(self) -> Generator["Crossing", Any, Any]:
        return (yield self)


class Call:
    """A coroutine that runs from one crossing to the next."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self._work = work
        self.done = False
        self.crossing: Crossing | None = None
        self._arrived = False
        self._reply: Callable[[], Any] = lambda: work.send(None)
        self._resume(self._reply)

    def _resume(self, step: Callable[[], Any]) -> None:
        self._arrived = False
        try:
            self.crossing = step()
        except StopIteration:
            self.done = True

    def go_on(self, steps: int = 1) -> None:
        """Lets the command arrive or, if it has arrived, its reply."""
        for _ in range(steps):
            if self.done or self.crossing is None:
                return
            if not self._arrived:
                self._reply, self._arrived = self._replied(self.crossing.command), True
            else:
                self._resume(self._reply)

    def _replied(self, command: Callable[[], Any]) -> Callable[[], Any]:
        """Returns what resumes the coroutine with the answer, or with the lost connection."""
        try:
            answer = command()
        except Unavailable as error:
            return partial(self._work.throw, error)
        return partial(self._work.send, answer)

    def finish(self) -> None:
        """Lets everything arrive until the coroutine ends."""
        while not self.done:
            self.go_on()

    def fail(self) -> Callable[[], Any] | None:
        """Lets the reply time out; returns the command if it is still in flight."""
        assert self.crossing is not None
        if not self.crossing.can_fail:
            return None
        late = None if self._arrived else self.crossing.command
        self._resume(lambda: self._work.throw(CacheUnavailable("lost")))
        return late

    def abandon(self) -> Callable[[], Any] | None:
        """Lets the process die; returns the command if it is still in flight."""
        late = None if self._arrived or self.crossing is None else self.crossing.command
        self.done = True
        self._work.close()
        return late


@dataclass
class Redis:
    """The contents of Redis. Another `run` is another server, which may have older contents."""

    now: Callable[[], float]
    run: int = 0
    held: dict[tuple[int, bytes], tuple[bytes, float]] = field(default_factory=dict)
    versions: Iterator[int] = field(default_factory=lambda: count(1000, 1000))

    def get(self, key: bytes) -> bytes | None:
        found = self.held.get((self.run, key))
        return found[0] if found and found[1] > self.now() else None

    def put(self, key: bytes, value: bytes, until: float) -> None:
        self.held[self.run, key] = (value, until)

    def keep(self, key: bytes, value: bytes | None) -> None:
        if value is not None:
            self.put(key, value, self.held[self.run, key][1])

    def make_version(self, keys: Keys) -> None:
        if self.get(keys.version) is None:
            self.put(keys.version, b"%d" % next(self.versions), self.now() + FENCE_SECONDS)

    def change_version(self, keys: Keys) -> None:
        version = self.get(keys.version)
        self.keep(keys.version, version and b"%d" % (int(version) + 1))

    def raise_fences(self, keys: Keys, transactions: Mapping[str, int]) -> None:
        for tag, transaction_id in transactions.items():
            key = keys.fence(tag)
            self.keep(key, fence.raised(self.get(key), fence.number(transaction_id)))
        self.change_version(keys)


class DrivenStore:
    """`weft.cache.steps.Store` of one process over a Redis that all share."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.limits = StoreLimits(lease_ms=LEASE_SECONDS * 1000, fence_seconds=FENCE_SECONDS)

    async def _ask(self, command: Callable[[], Any]) -> Any:
        return await Crossing(command, can_fail=True)

    async def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return await self._ask(lambda: [self.redis.get(key) for key in keys])

    async def write(self, entries: Sequence[tuple[bytes, bytes, int]]) -> None:
        def command() -> None:
            for key, value, life_ms in entries:
                self.redis.put(key, value, self.redis.now() + life_ms / 1000)

        await self._ask(command)

    async def claim(self, keys: Sequence[bytes], life_ms: int) -> list[bool]:
        raise NotImplementedError

    async def release(self, keys: Sequence[bytes]) -> None:
        raise NotImplementedError

    async def ensure_fences(self, keys: Sequence[bytes], token: bytes, life_ms: int) -> list[bytes]:
        def ensure(key: bytes) -> bytes:
            found = self.redis.get(key)
            if found is None:
                found = fence.opened(token)
                self.redis.put(key, found, self.redis.now() + FENCE_SECONDS)
            return found

        return await self._ask(lambda: [ensure(key) for key in keys])

    async def make_whole(
        self, keys: Sequence[bytes], seen: Sequence[bytes], transaction_id: int
    ) -> list[bytes]:
        drawn = fence.number(transaction_id)

        def command() -> list[bytes]:
            for key, saw in zip(keys, seen, strict=True):
                self.redis.keep(key, fence.made_whole(self.redis.get(key), saw, drawn))
            return [self.redis.get(key) or b"" for key in keys]

        return await self._ask(command)

    async def raise_fences(self, keys: Keys, transactions: Mapping[str, int]) -> None:
        await self._ask(lambda: self.redis.raise_fences(keys, transactions))

    async def time_ms(self) -> int:
        return await self._ask(lambda: int(self.redis.now() * 1000))

    async def renew_lease(self, keys: Keys, until_ms: int) -> bool:
        def command() -> bool:
            self.redis.make_version(keys)
            found = self.redis.get(keys.lease)
            if found is not None:
                self.redis.put(keys.lease, found, until_ms / 1000)
            return found is not None

        return await self._ask(command)

    async def grant_lease(self, keys: Keys, transaction_id: int, until_ms: int) -> None:
        def command() -> None:
            self.redis.make_version(keys)
            found = self.redis.get(keys.lease) or b""
            number = max(fence.number(transaction_id), found)
            self.redis.put(keys.lease, number, until_ms / 1000)

        await self._ask(command)

    async def aclose(self) -> None: ...
