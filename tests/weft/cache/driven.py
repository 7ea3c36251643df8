"""The cache's own code, driven by hand: every command waits for the test to let it arrive.

A coroutine that awaits nothing but `Crossing`s needs no event loop. So a test may let commands of
several processes cross in any order, lose replies, and let a command arrive when whoever sent it
has long given up.
"""

from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from weft.cache import fence
from weft.cache.errors import CacheUnavailable
from weft.cache.limits import StoreLimits
from weft.cache.steps import LEASE_KEY, VERSION_KEY

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
    """A coroutine, as far as it has come."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self._work = work
        self.done = False
        self.crossing: Crossing | None = None
        self._arrived = False
        self._reply: Any = None
        self._resume(lambda: work.send(None))

    def _resume(self, step: Callable[[], Any]) -> None:
        self._arrived = False
        try:
            self.crossing = step()
        except StopIteration:
            self.done = True

    def go_on(self, steps: int = 1) -> None:
        """The command arrives; or, if it has, its reply does."""
        for _ in range(steps):
            if self.done or self.crossing is None:
                return
            if not self._arrived:
                self._reply, self._arrived = self.crossing.command(), True
            else:
                self._resume(lambda: self._work.send(self._reply))

    def finish(self) -> None:
        """Everything arrives."""
        while not self.done:
            self.go_on()

    def fail(self) -> Callable[[], Any] | None:
        """No reply comes in time; gives the command if that is still on its way."""
        assert self.crossing is not None
        if not self.crossing.can_fail:
            return None
        late = None if self._arrived else self.crossing.command
        self._resume(lambda: self._work.throw(CacheUnavailable("lost")))
        return late

    def abandon(self) -> Callable[[], Any] | None:
        """The process dies; gives the command that is still on its way."""
        late = None if self._arrived or self.crossing is None else self.crossing.command
        self.done = True
        self._work.close()
        return late


@dataclass
class Redis:
    """What Redis holds. Another `run` is another server; it may hold what the one before had."""

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

    def make_version(self) -> None:
        if self.get(VERSION_KEY) is None:
            self.put(VERSION_KEY, b"%d" % next(self.versions), self.now() + FENCE_SECONDS)

    def change_version(self) -> None:
        version = self.get(VERSION_KEY)
        self.keep(VERSION_KEY, version and b"%d" % (int(version) + 1))

    def raise_fences(self, transactions: Mapping[bytes, int]) -> None:
        for key, transaction_id in transactions.items():
            self.keep(key, fence.raised(self.get(key), fence.number(transaction_id)))
        self.change_version()


class DrivenStore:
    """`weft.cache.steps.Store` of one process over a Redis that all share."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.database: str | None = "db"
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

    async def raise_fences(self, transactions: Mapping[bytes, int]) -> None:
        await self._ask(lambda: self.redis.raise_fences(transactions))

    async def time_ms(self) -> int:
        return await self._ask(lambda: int(self.redis.now() * 1000))

    async def renew_lease(self, until_ms: int) -> bool:
        def command() -> bool:
            self.redis.make_version()
            found = self.redis.get(LEASE_KEY)
            if found is not None:
                self.redis.put(LEASE_KEY, found, until_ms / 1000)
            return found is not None

        return await self._ask(command)

    async def grant_lease(self, transaction_id: int, until_ms: int) -> None:
        def command() -> None:
            self.redis.make_version()
            found = self.redis.get(LEASE_KEY) or b""
            number = max(fence.number(transaction_id), found)
            self.redis.put(LEASE_KEY, number, until_ms / 1000)

        await self._ask(command)

    async def aclose(self) -> None: ...


@dataclass
class Database:
    """Transactions that add themselves to what stands under a key."""

    next_id: int = 100
    running: set[int] = field(default_factory=set)
    written: dict[int, frozenset[int]] = field(default_factory=dict)
    pending: dict[int, int] = field(default_factory=dict)
    """Transaction ids whose changes have no position yet, with their keys."""

    def draw_id(self) -> int:
        self.next_id += 1
        return self.next_id - 1

    def begin(self) -> int:
        transaction_id = self.draw_id()
        self.running.add(transaction_id)
        return transaction_id

    def commit(self, transaction_id: int, key: int) -> None:
        self.running.discard(transaction_id)
        self.written[key] = self.written.get(key, frozenset()) | {transaction_id}
        self.pending[transaction_id] = key

    def read(self, keys: Sequence[int]) -> tuple[int, list[list[int]]]:
        """The xmin of the snapshot, and what stands under the keys."""
        xmin = min(self.running, default=self.next_id)
        return xmin, [sorted(self.written.get(key, ())) for key in keys]

    def ask(self, command: Callable[[], Any]) -> Crossing:
        return Crossing(command, can_fail=False)
