"""Finds the Redis server of each key: the only server, or by slot those of a cluster."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import repeat
from typing import Any, TypeVar

from redis.asyncio.connection import Connection, ConnectionPool
from redis.crc import key_slot

from weft.cache.breaker import Breaker
from weft.cache.errors import CacheUnavailable
from weft.cache.limits import StoreLimits
from weft.cache.server import Name, RedisServer
from weft.tcp import redis_options

AnswerT = TypeVar("AnswerT")
Address = tuple[str, int]


class Cluster:
    """The servers behind one URL; for a cluster, that of any of its servers.

    Read when it is first needed. Read again, while the old layout is in use, when a server is lost
    or replies that a slot moved.
    """

    def __init__(self, url: str, limits: StoreLimits, name: Name, prefix: str) -> None:
        self._pool = ConnectionPool.from_url(url, **redis_options(url))
        # Timeouts in the URL are ignored too: before Python 3.12 those of redis-py lose
        # cancellations, and these connections are too busy for `weft.cancellation.cancellable`.
        self._pool.connection_kwargs |= {
            "socket_timeout": None,
            "socket_connect_timeout": None,
            "health_check_interval": 0,
        }
        self._limits = limits
        self._name = name
        self._prefix = prefix.encode()
        self._home = RedisServer(self._pool, limits, name)
        self._is_cluster: bool | None = None
        self._servers: dict[Address, RedisServer] = {}
        self._slots: list[RedisServer] = []
        self._breaker = Breaker(limits.breaker_ms / 1000)
        self._finding = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None

    async def only(self) -> RedisServer | None:
        """Returns the server that has all keys; None for a cluster, whose slots are then known."""
        if self._is_cluster is None or (self._is_cluster and not self._slots):
            async with self._finding:
                await self._find()
        return None if self._is_cluster else self._home

    def places(self, keys: Sequence[bytes]) -> dict[RedisServer, list[int]]:
        """Returns the indexes of the keys of each server of a cluster."""
        found: dict[RedisServer, list[int]] = {}
        for place, key in enumerate(keys):
            found.setdefault(self._slots[self._slot_of(key)], []).append(place)
        return found

    def _slot_of(self, key: bytes) -> int:
        return key_slot(self._prefix + key)

    async def _find(self) -> None:
        if self._breaker.is_open:
            raise CacheUnavailable("The cache could not be found a moment ago.")
        try:
            if self._is_cluster is None:
                self._is_cluster = await self._home.is_in_cluster()
            if self._is_cluster and not self._slots:
                await self._ask_any()
        except CacheUnavailable:
            self._breaker.failed()
            raise
        self._breaker.answered()

    def _look_again(self) -> None:
        if self._looking is None:
            self._looking = asyncio.create_task(self._ask_again())

    async def _ask_again(self) -> None:
        try:
            with suppress(CacheUnavailable):
                await self._ask_any()
        finally:
            self._looking = None

    async def _ask_any(self) -> None:
        """Reads the slots of all servers from the first known server that gives them."""
        for server in (self._home, *self._servers.values()):
            with suppress(CacheUnavailable, ValueError, IndexError):
                self._arrange(await server.ask(b"CLUSTER", b"SLOTS"))
                return
        raise CacheUnavailable("No server of the cluster told its slots.")

    def _arrange(self, ranges: Sequence[Any]) -> None:
        """Stores which server has which slot; ValueError unless every slot has a server."""
        slots: list[RedisServer] = []
        for first, last, (host, port, *_), *_ in sorted(ranges, key=lambda found: found[0]):
            if first != len(slots):
                break
            slots += repeat(self._server((_text(host), int(port))), last - first + 1)
        if len(slots) != SLOTS:
            raise ValueError("Some slots are nobody's.")
        self._slots = slots

    def _server(self, address: Address) -> RedisServer:
        if address not in self._servers:
            host, port = address
            known = self._pool.connection_kwargs
            kind: Any = self._pool.connection_class if "host" in known else Connection
            known = {name: value for name, value in known.items() if name != "path"}
            known |= {"host": host or known.get("host", "localhost"), "port": port}
            self._servers[address] = RedisServer(
                ConnectionPool(kind, **known),
                self._limits,
                self._name,
                slot_of=self._slot_of,
                moved=self._look_again,
            )
        return self._servers[address]

    async def aclose(self) -> None:
        """Closes every connection that is not in use."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        for server in (self._home, *self._servers.values()):
            await server.aclose()


SLOTS = 16_384


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


async def of_each(
    work: Callable[[RedisServer, list[int]], Awaitable[AnswerT]],
    places: dict[RedisServer, list[int]],
) -> list[AnswerT | BaseException]:
    """Runs work for all servers at once; returns the results in order, errors among them."""
    if len(places) == 1:  # the usual case, which needs no task
        [(server, where)] = places.items()
        try:
            return [await work(server, where)]
        except Exception as error:
            return [error]
    return await asyncio.gather(
        *(work(server, where) for server, where in places.items()), return_exceptions=True
    )
