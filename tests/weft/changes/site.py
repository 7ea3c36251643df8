"""A log of a toy table in its own schema, with relays, hubs and a Redis around it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis.asyncio
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from db.recorded import CHANGE_SIDES
from tests.database import Database as DatabaseOfTests
from tests.programs import redis_program
from tests.waiting import PATIENCE_SECONDS, until
from weft.changes.batch import Batch, encode_batch
from weft.changes.change import Change, Point
from weft.changes.channel import Channels
from weft.changes.hub import Hub
from weft.changes.listener import Listener
from weft.changes.relay import Relay
from weft.postgres.change_log import PostgresChangeLog
from weft.postgres.change_points import POSITION, mark_at
from weft.postgres.change_table import change_horizon_table, change_table, change_triggers
from weft.postgres.history import history_table
from weft.postgres.statement import Statement

MARK = Statement(sa.select(mark_at(POSITION)), bytes)
THINGS = "CREATE TABLE things (id bigint PRIMARY KEY, owner_id bigint, state text, note text)"


class Database(DatabaseOfTests):
    """A schema with the log and the table `things`, whose writes it records."""

    async def open_log(self) -> PostgresChangeLog:
        return PostgresChangeLog(await self.connect(), sides=CHANGE_SIDES)

    async def log_name(self) -> str:
        async with aclosing(await self.open_log()) as log:
            return await log.name()

    async def point(self, position: int) -> Point:
        """Returns the point at a position; if it is not kept, one that no history has."""
        [row] = await self.run(MARK.sql, *MARK.arguments({"position": position}))
        return Point(position, row[0] or b"nobody")


async def create_log(database: Database) -> None:
    statements: list[str] = [THINGS]
    for table in (change_table, change_horizon_table, history_table):
        statements.append(str(CreateTable(table).compile(dialect=dialect())))
        statements += [str(CreateIndex(i).compile(dialect=dialect())) for i in table.indexes]
    statements += change_triggers("things", "Thing", ["owner_id", "state"])
    for statement in statements:
        await database.run(statement)


class RedisServer:
    """A Redis that a test may kill and start again at the same address."""

    def __init__(self, socket: Path, *options: str) -> None:
        self.url = f"unix://{socket}"
        self._options = options
        self._socket = socket
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(redis_program(), "--port", "0", "--unixsocket", str(self._socket), "--save", ""),
            *self._options,
            stdout=asyncio.subprocess.DEVNULL,
        )
        async with redis.asyncio.from_url(self.url) as client:
            await until(lambda: answers(client))

    async def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None


async def answers(client: redis.asyncio.Redis) -> bool:
    try:
        return await client.ping()
    except (redis.RedisError, OSError):
        return False


@dataclass
class Site:
    """One process: a Redis client, and as many relays and hubs as a test starts."""

    database: Database
    redis: redis.asyncio.Redis
    prefix: str
    stack: AsyncExitStack
    _channels: Channels | None = None

    async def relay(self, *, poll_ms: int = 20, **options: Any) -> Relay:
        relay = Relay(self.database.open_log, self.redis, self.prefix, poll_ms=poll_ms, **options)
        await self.stack.enter_async_context(running(relay.run()))
        return relay

    async def hub(self, **options: Any) -> Hub:
        hub = Hub(self.database.open_log, self.redis, self.prefix, **options)
        await self.stack.enter_async_context(running(hub.run()))
        return hub

    async def leading_log(self) -> PostgresChangeLog:
        """Returns a log that leads, for tests that are the relay themselves."""
        log = await self.stack.enter_async_context(aclosing(await self.database.open_log()))
        assert await log.try_lead()
        return log

    async def listener(self, hub: Hub, *, after: int | None = None) -> Listener:
        point = None if after is None else await self.database.point(after)
        return await self.stack.enter_async_context(hub.listen(lambda _: True, after=point))

    async def channels(self) -> Channels:
        """Returns the channels that relays and hubs of this log use."""
        if self._channels is None:
            self._channels = Channels(self.prefix)
            self._channels.log_name = await self.database.log_name()
        return self._channels

    async def publish(self, message: bytes) -> int:
        """Publishes to the hubs; returns how many received it."""
        return await self.redis.publish(str((await self.channels()).changes()), message)


@asynccontextmanager
async def running(work: Any) -> AsyncGenerator[asyncio.Task[Any]]:
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def take(listener: Listener, count: int) -> list[Change]:
    """Returns the next `count` changes."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [await anext(listener) for _ in range(count)]


def keys_of(changes: Batch | list[Change]) -> list[int]:
    return [change.key for change in _changes_of(changes)]


def positions_of(changes: Batch | list[Change]) -> list[int]:
    return [change.position for change in _changes_of(changes)]


def _changes_of(changes: Batch | list[Change]) -> list[Change]:
    return changes.changes if isinstance(changes, Batch) else changes


NEVER_MS = 3_600_000


async def write(site: Site, *keys: int) -> None:
    await site.database.run("INSERT INTO things SELECT unnest($1::bigint[])", list(keys))


async def publish(site: Site, batch: Batch) -> int:
    return await site.publish(encode_batch(batch))


def part(batch: Batch, start: int, end: int | None = None) -> Batch:
    """Returns some changes of a batch, as a batch."""
    return Batch(batch.changes[start - 1] if start else batch.start, batch.changes[start:end])


async def hide_log(site: Site) -> None:
    await site.database.run("ALTER TABLE changes RENAME TO hidden")


async def hears(site: Site) -> None:
    """Waits until a hub's subscription to Redis has begun."""
    channel = str((await site.channels()).changes())

    async def subscribed() -> bool:
        return (await site.redis.pubsub_numsub(channel))[0][1] > 0

    await until(subscribed)


async def hub_that_hears(site: Site, log: PostgresChangeLog) -> Hub:
    """Returns a hub that never polls, subscribed to Redis, after one delivered change."""
    hub = await site.hub(poll_ms=NEVER_MS)
    await hears(site)
    async with hub.listen(lambda _: True) as listener:
        await write(site, 1)
        await publish(site, await log.assign_positions())
        await take(listener, 1)
    return hub
