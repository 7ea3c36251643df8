"""One Redis server: joined reads of all operations, scripts and writes, with circuit breakers."""

import hashlib
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import structlog
from redis.asyncio.connection import ConnectionPool
from redis.exceptions import MovedError, NoScriptError, RedisError

from weft.cache.breaker import Breaker
from weft.cache.connection import Command, RedisConnection, connect
from weft.cache.errors import CacheUnavailable
from weft.cache.limits import StoreLimits
from weft.cache.replies import in_order
from weft.loading.connections import HeldConnections
from weft.loading.dispatch import Dispatcher

Name = Callable[[str], bytes]
"""Gives the prefix of every key on the server with this run id."""

KeyCommand = tuple[bytes, bytes, *tuple[Any, ...]]
"""A command whose first argument is its only key."""

SlotOf = Callable[[bytes], int]

_log = structlog.get_logger(__name__)


class RedisServer:
    """A server by itself, or one of a cluster, where each command touches one slot only."""

    def __init__(
        self,
        pool: ConnectionPool,
        limits: StoreLimits,
        name: Name,
        *,
        slot_of: SlotOf | None = None,
        moved: Callable[[], None] = lambda: None,
    ) -> None:
        """`slot_of` gives the slot of a key of a cluster; without it a command may touch any keys.

        `moved` is called when another server turns out to have the keys, or this one is lost.
        """
        self._pool = pool
        self._name = name
        self._slot_of = slot_of
        self._moved = moved
        self._reads = Dispatcher(HeldConnections(self._connect_to_read, limits.connections))
        self._writers = HeldConnections(partial(connect, pool), limits.connections)
        self._read_breaker = Breaker(limits.breaker_ms / 1000)
        self._raise_breaker = Breaker(limits.breaker_ms / 1000)
        self._read_seconds = limits.read_ms / 1000
        self._raise_seconds = limits.raise_ms / 1000

    async def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Returns the value of each key, in order; None if there is none, or it is no string.

        Joins the reads of other operations that are waiting.
        """
        if self._read_breaker.is_open:
            raise CacheUnavailable("The cache failed a moment ago.")
        return await self._reads.submit(self._fetch, keys)

    async def write(self, commands: Sequence[KeyCommand]) -> list[Any]:
        """Sends commands and returns their replies."""

        def named(name: bytes) -> list[Command]:
            return [(verb, name + key, *rest) for verb, key, *rest in commands]

        return await self._ask(named, self._read_seconds)

    async def run(
        self,
        script: bytes,
        keys: Sequence[bytes],
        each: Sequence[bytes] = (),
        shared: Sequence[bytes | int] = (),
        *,
        raises: bool = False,
    ) -> list[Any]:
        """Runs a script, by one call for each slot; returns its replies in the order of the keys.

        The arguments of a call are those of `each` for its keys, if given, and then `shared`. With
        `raises` it waits longer, and after a failure refuses for a moment.
        """
        if raises and self._raise_breaker.is_open:
            raise CacheUnavailable("The cache failed a moment ago.")
        slots = self._places(keys)

        def calls(verb: bytes, text: bytes) -> Callable[[bytes], list[Command]]:
            def named(name: bytes) -> list[Command]:
                return [
                    (
                        *(verb, text, len(places), *(name + keys[place] for place in places)),
                        *((each[place] for place in places) if each else ()),
                        *shared,
                    )
                    for places in slots
                ]

            return named

        seconds = self._raise_seconds if raises else self._read_seconds
        try:
            try:
                answers = await self._ask(calls(b"EVALSHA", _digest(script)), seconds)
            except NoScriptError:
                answers = await self._ask(calls(b"EVAL", script), seconds)
        except CacheUnavailable as error:
            if raises:
                self._failed(self._raise_breaker, error)
            raise
        if raises:
            self._raise_breaker.answered()
        return in_order(slots, answers, len(keys))

    async def ask(self, *command: bytes | int) -> Any:
        """Returns the reply to a command without a key."""
        (answer,) = await self._ask(lambda _: [command], self._raise_seconds)
        return answer

    async def is_in_cluster(self) -> bool:
        """Whether the server belongs to a cluster."""
        async with self._writers.lend() as connection:
            return connection.is_in_cluster

    async def _ask(self, commands: Callable[[bytes], list[Command]], seconds: float) -> list[Any]:
        async with self._writers.lend() as connection:
            named = commands(self._name(connection.run_id))
            return self._checked(await connection.ask_all(named, seconds=seconds))

    async def _connect_to_read(self) -> RedisConnection:
        if self._read_breaker.is_open:
            raise CacheUnavailable("The cache failed a moment ago.")
        try:
            return await connect(self._pool)
        except CacheUnavailable as error:
            self._failed(self._read_breaker, error)
            raise

    async def _fetch(
        self, connection: RedisConnection, keys: Sequence[bytes]
    ) -> list[bytes | None]:
        name, slots = self._name(connection.run_id), self._places(keys)
        commands = [(b"MGET", *[name + keys[place] for place in places]) for places in slots]
        try:
            found = await connection.ask_all(commands, seconds=self._read_seconds)
            answers = self._checked(found)
        except CacheUnavailable as error:
            self._failed(self._read_breaker, error)
            raise
        self._read_breaker.answered()
        return in_order(slots, answers, len(keys))

    def _places(self, keys: Sequence[bytes]) -> Sequence[Sequence[int]]:
        """Returns the indexes of the keys of each slot; without a cluster, all as one."""
        if self._slot_of is None:
            return [range(len(keys))]
        slots: dict[int, list[int]] = {}
        for place, key in enumerate(keys):
            slots.setdefault(self._slot_of(key), []).append(place)
        return list(slots.values())

    def _checked(self, answers: list[Any]) -> list[Any]:
        """Returns the replies; raises NoScriptError or CacheUnavailable for an error among them."""
        for answer in answers:
            if isinstance(answer, MovedError):
                self._moved()
            if isinstance(answer, NoScriptError):
                raise answer
            if isinstance(answer, RedisError):
                raise CacheUnavailable("The cache refused a command.") from answer
        return answers

    def _failed(self, breaker: Breaker, error: CacheUnavailable) -> None:
        if not breaker.failures:
            _log.warning("cache_lost", error=repr(error.__cause__ or error))
        breaker.failed()
        self._moved()

    async def aclose(self) -> None:
        """Closes every connection that is not in use."""
        await self._reads.close()
        await self._writers.close()


@cache
def _digest(script: bytes) -> bytes:
    return hashlib.sha1(script, usedforsecurity=False).hexdigest().encode()
