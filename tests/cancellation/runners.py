"""Runs each part that retries until it is cancelled, over servers in any state."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from redis.asyncio import Redis

from db.recorded import CHANGE_SIDES, touched
from resolvers.accounts.session_watch import SessionWatch
from weft.cache.errors import CacheUnavailable
from weft.cache.filler import Fill, Filler
from weft.cache.lease import FenceRelay
from weft.cache.store import RedisStore
from weft.changes.change import MARK_BYTES, Point
from weft.changes.channel import follow
from weft.changes.hub import Hub
from weft.changes.outage import Outage
from weft.changes.relay import Relay
from weft.documents.shared import SharedDocuments
from weft.errors import Unavailable
from weft.mail.delivery import delivery
from weft.mail.mail import Mail
from weft.mail.outbox import Outbox
from weft.postgres.change_log import PostgresChangeLog, open_change_log
from weft.postgres.database import Database
from weft.rates.budget import CostBudget
from weft.rates.windows import Windows

PREFIX = "cancelled"
FILL = Fill("history", b"value", (b"fence",), b"1", b"9" * 20, expires_at=9e12, life_seconds=60)


@dataclass(frozen=True)
class Servers:
    """The servers that a process uses, some of them unhealthy."""

    redis_url: str
    redis: Redis
    database: Database
    smtp_url: str = ""

    async def open_log(self) -> PostgresChangeLog:
        return await open_change_log(lambda: self.database.connect("cancelled"), sides=CHANGE_SIDES)

    def store(self) -> RedisStore:
        return RedisStore(self.redis_url, PREFIX)


async def run_relay(servers: Servers) -> None:
    store = servers.store()
    fences = FenceRelay(store, servers.database.draw_id, touched)
    relay = Relay(servers.open_log, servers.redis, PREFIX, poll_ms=5, fences=fences)
    relay.wake()
    try:
        await relay.run()
    finally:
        await store.aclose()


async def run_hub(servers: Servers) -> None:
    await Hub(servers.open_log, servers.redis, PREFIX, poll_ms=5).run()


async def run_follow(servers: Servers) -> None:
    await follow(servers.redis, lambda: PREFIX, lambda _: None, Outage("redis", "test"))


async def run_session_watch(servers: Servers) -> None:
    hub = Hub(servers.open_log, servers.redis, PREFIX, poll_ms=5)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hub.run())
        tasks.create_task(SessionWatch(hub).run())


async def run_budget(servers: Servers) -> None:
    budget = CostBudget(Windows(servers.redis, PREFIX), 1_000_000)
    for number in range(50):
        budget.charge(("address", number), 1)
    await budget.run()


async def run_documents(servers: Servers) -> None:
    documents = SharedDocuments(servers.redis, PREFIX, 100)
    while True:
        await documents.put("sha256", "{ __typename }")
        await documents.get("sha256")


async def run_store(servers: Servers) -> None:
    store = servers.store()
    try:
        while True:
            with suppress(CacheUnavailable):
                await store.time_ms()
                await store.read([b"key"])
            await asyncio.sleep(0)
    finally:
        await store.aclose()


async def run_filler(servers: Servers) -> None:
    store = servers.store()
    filler = Filler(store, servers.database.draw_id)
    try:
        while True:
            filler.offer([FILL])
            await filler.settle()
    finally:
        await filler.aclose()
        await store.aclose()


async def run_resuming_listener(servers: Servers) -> None:
    """Listens from a cursor while the database, which the hub has reached once, is lost."""
    logs = 0

    async def open_log() -> PostgresChangeLog:
        nonlocal logs
        logs += 1
        if logs > 1:
            raise Unavailable("The database could not be reached.")
        return await servers.open_log()

    hub = Hub(open_log, servers.redis, PREFIX, poll_ms=5)
    running = asyncio.create_task(hub.run())
    try:
        async with hub.listen(lambda _: True, after=Point(1, bytes(MARK_BYTES))):
            pass
    finally:
        running.cancel()
        await asyncio.wait([running])


async def run_outbox(servers: Servers) -> None:
    outbox = Outbox(delivery(servers.smtp_url, "weft@test", development=False))
    for _ in range(3):
        outbox.post(Mail("ada@example.org", "Hello", "Text"))
    await outbox.run()


Run = Callable[[Servers], Awaitable[None]]

BY_REDIS: tuple[Run, ...] = (
    run_relay,
    run_hub,
    run_follow,
    run_session_watch,
    run_budget,
    run_documents,
    run_store,
    run_filler,
)
BY_POSTGRESQL: tuple[Run, ...] = (run_relay, run_hub, run_session_watch, run_filler)
