"""Compares the CPU of a request with the cache and without it.

With the cache it is measured twice: while the process still holds the values in memory, and when
every value is read from Redis and decoded.

python -m bench.cache

CPU is the sum of the server, PostgreSQL and Redis.
"""

import asyncio
import itertools
import random
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import redis.asyncio
from fastapi import FastAPI

from app import Process
from db.accounts.user import UserRow
from db.item import ItemRow
from db.item_page import ItemScope
from db.item_tag import ALL_ITEMS, items_of
from db.seed import seed
from loaders.accounts.user import user_by_id
from resolvers.context import STRANGER, Context, Services
from resolvers.item import PUBLIC_STATUSES, CheckedFilter, item_page, item_scope, item_window
from resolvers.item_input import ItemFilter
from schema import build_schema
from serving import collect_garbage_in_small_parts
from settings import Settings
from weft.cache.cache import Cache
from weft.cache.field import cached, cached_root
from weft.cache.policy import CachePolicy, CacheScope
from weft.declare.identity import encode_id
from weft.declare.info import Info
from weft.declare.pagination import Page, PageArgs, StoredPage
from weft.embedded import EmbeddedServers, embedded_servers
from weft.execution.engine import Engine
from weft.postgres.migration import upgrade

USERS, ITEMS, SEED = 1_000, 20_000, 7
VARIANTS = 20
"""Different operations of each kind; all of them are cached."""
NEVER_AGAIN = 10**9
AT_ONCE = 16
ROUNDS = 5
ROUND_SECONDS = 0.6

IDS = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on User { %s } } }"
OPERATIONS = {
    "User.itemCount, of 20 users": IDS % "itemCount",
    "User.items, 20 pages of 10": IDS % "items(first: 10) { nodes { id title } }",
    "Query.users, a page of 20": "query ($after: String) { users(first: 20, after: $after) "
    "{ nodes { id name } } }",
    "ItemConnection.totalCount, of all": "{ items(first: 0) { totalCount } }",
    "ItemConnection.totalCount, of a tag": "query ($tag: [String!]) "
    "{ items(first: 0, filter: {tags: $tag}) { totalCount } }",
    "Item.owner, of 50 items": "query ($before: DateTime) { items(first: 50, "
    "filter: {updatedAfter: $before}) { nodes { owner { name } } } }",
    "UserConnection.totalCount": "{ users(first: 0) { totalCount } }",
}
TAGS = ["garden", "kitchen", "vintage", "office"]
ITEM_PAGES = CachePolicy(
    ttl_seconds=300,
    scope=CacheScope.PUBLIC,
    tags=lambda _, arguments: (ALL_ITEMS,),
    value_type=StoredPage[ItemRow, ItemScope],
    encode=lambda page: page.stored,
    decode=lambda stored, _, arguments: Page.restored(stored, item_window(arguments["page"], None)),
)
BY_KEY = (1, 20, 50)

Ask = Callable[[int], Awaitable[object]]


def main() -> None:
    """Measures against temporary embedded servers."""
    with (
        tempfile.TemporaryDirectory() as directory,
        embedded_servers(Path(directory) / "servers", durable=False) as servers,
    ):
        upgrade(servers.database_url)
        asyncio.run(_measure(servers))


async def _measure(servers: EmbeddedServers) -> None:
    await seed(servers.database_url, users=USERS, items=ITEMS, seed=SEED)
    async with AsyncExitStack() as stack:
        sides: dict[str, Services] = {}
        for cache in (
            "available",
            "off",
        ):  # the first becomes the leader, which must raise fences
            settings = Settings(
                database_url=servers.database_url,
                redis_url=servers.redis_url,
                redis_prefix=secrets.token_hex(4),
                cache=cache,
            )
            server = Process(settings, lambda: datetime.now(UTC), lambda sql, seconds: None)
            await stack.enter_async_context(server.lifespan(FastAPI()))
            while cache == "available" and not server.relay.leads:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            sides[cache] = server.services
            if server.cache_store is not None and server.filler is not None:
                assert server.cache is not None
                assert server.cache.kept.keys is not None
                forgetful = Cache(server.cache_store, server.filler, memory_bytes=0)
                forgetful.use_history(server.cache.kept.keys.history)
                sides["forgetful"] = replace(server.services, cache=forgetful)
        engines = {name: build_schema().engine for name in sides}
        processes = await _processes(servers, sides["off"])
        collect_garbage_in_small_parts()
        await asyncio.sleep(1)  # until there is a lease
        print(f"\n{'CPU, microseconds':<42} {'without':>9} {'cached':>9} {'Redis':>9}")
        for title, text in OPERATIONS.items():
            asks = {name: _operation(sides[name], engines[name], text) for name in sides}
            _print(title, await _compare(asks, processes))
        print("not cached, because of these:")
        for title, variants in (
            ("Query.items, a page of 50", VARIANTS),
            ("the same, missed", 10**9),
        ):
            asks = {name: _item_pages(services, variants) for name, services in sides.items()}
            _print(title, await _compare(asks, processes))
        for count in BY_KEY:
            asks = {name: _users_by_key(services, count) for name, services in sides.items()}
            _print(f"User by key, {count} of them", await _compare(asks, processes))


def _operation(services: Services, engine: Engine, text: str) -> Ask:
    chance = random.Random(SEED)
    variables: list[dict[str, Any]] = [
        {
            "ids": [encode_id("User", key) for key in chance.sample(range(1, USERS), 20)],
            "before": f"2000-01-{number + 1:02d}T00:00:00Z",
            "tag": [chance.choice(TAGS)],
        }
        for number in range(VARIANTS)
    ]

    async def ask(number: int) -> object:
        context = Context(services, STRANGER, "")
        given = {
            name: value
            for name, value in variables[number % VARIANTS].items()
            if f"${name}" in text
        }
        result = await engine.run(text, variables=given, context=context)
        assert not result.errors, result.errors
        return result

    return ask


def _item_pages(services: Services, variants: int) -> Ask:
    async def items(info: Info, page: PageArgs, filter: ItemFilter) -> Any:
        scope = item_scope(PUBLIC_STATUSES, CheckedFilter(filter))
        return await info.context.loaders.items_by_scope.load(item_page(scope, page, None))

    through = cached_root(items, ITEM_PAGES)
    every = itertools.count()

    async def ask(number: int) -> object:
        info = Info(Context(services, STRANGER, ""), "Query.items")
        seconds = timedelta(seconds=next(every) % variants)
        filter = ItemFilter(updated_after=datetime(2000, 1, 1, tzinfo=UTC) + seconds)
        return await through(info, page=PageArgs(50), filter=filter)

    return ask


def _users_by_key(services: Services, count: int) -> Ask:
    async def by_key(parents: Any, info: Info) -> Any:
        await info.context.loaders.item_count_by_owner.load_many(parents)  # reports its snapshot
        return await services.database.reads.submit(user_by_id, parents)

    policy = CachePolicy(
        ttl_seconds=300,
        scope=CacheScope.PUBLIC,
        tags=lambda key, _: (items_of(key),),
        key=lambda parent: parent,
        value_type=UserRow,
    )
    through = cached(by_key, policy)
    chance = random.Random(SEED)
    keys = [chance.sample(range(1, USERS), count) for _ in range(VARIANTS)]

    async def ask(number: int) -> object:
        context = Context(services, STRANGER, "")
        wanted = keys[number % VARIANTS]
        if services.cache is not None:
            return await through(wanted, Info(context, "User.byKey"))
        return await context.loaders.user_by_id.load_many(wanted)

    return ask


async def _processes(servers: EmbeddedServers, services: Services) -> list[psutil.Process]:
    async with redis.asyncio.from_url(servers.redis_url) as client:
        found = [psutil.Process((await client.info("server"))["process_id"])]
    connection = (await services.database.connect("bench")).raw
    postmaster = psutil.Process(connection.get_server_pid()).parent()
    await connection.close()
    assert postmaster is not None
    return [psutil.Process(), *found, postmaster]


def _cpu_seconds(processes: list[psutil.Process]) -> float:
    this, store, postmaster = processes
    every = [this, store, postmaster, *postmaster.children()]
    return sum(sum(process.cpu_times()[:2]) for process in every)


async def _compare(asks: Mapping[str, Ask], processes: list[psutil.Process]) -> dict[str, float]:
    spent: dict[str, list[float]] = {name: [] for name in asks}
    for ask in asks.values():
        for number in range(VARIANTS * 3):
            await ask(number)
            await asyncio.sleep(0.003)
    for _ in range(ROUNDS):
        for name, ask in asks.items():
            began, cpu, number = time.perf_counter(), _cpu_seconds(processes), 0
            while time.perf_counter() - began < ROUND_SECONDS:
                await asyncio.gather(*(ask(number + place) for place in range(AT_ONCE)))
                number += AT_ONCE
            spent[name].append((_cpu_seconds(processes) - cpu) / number * 1e6)
    return {name: median(values) for name, values in spent.items()}


def _print(title: str, found: Mapping[str, float]) -> None:
    off, on, far = found["off"], found["available"], found["forgetful"]
    ratios = f"{on / off:5.2f} {far / off:5.2f}"
    print(f"  {title:<40} {off:9.0f} {on:9.0f} {far:9.0f}   {ratios}", flush=True)


if __name__ == "__main__":
    main()
