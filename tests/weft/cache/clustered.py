"""A server whose cache is in a Redis cluster, and functions that read from it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from app import create_app
from settings import Settings
from tests.client import Api, Clock, Member
from tests.waiting import until
from tests.weft.cache.redis_cluster import Cluster
from tests.weft.cache.settings import with_cache
from weft.cache.limits import StoreLimits

READ = (
    "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on User { itemCount } } items { totalCount } }"
)
CREATE = 'mutation { createItem(input: {title: "New", status: PUBLISHED}) { item { id } } }'


@asynccontextmanager
async def clustered(
    connection: asyncpg.Connection,
    settings: Settings,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncGenerator[Api]:
    """Runs the server."""
    own = with_cache(settings, monkeypatch, lease_ms=StoreLimits().lease_ms)
    own = own.model_copy(update={"redis_url": cluster.url})
    statements: list[str] = []
    app = create_app(own, observe=lambda sql, _: statements.append(sql))
    async with Api(app, own, connection, Clock(), statements) as api:
        yield api


async def read(api: Api, members: list[Member]) -> list[int]:
    """Returns the number of items of each member, and then of all."""
    data: Any = await api.data(READ, {"ids": [member.id for member in members]})
    return [*(node["itemCount"] for node in data["nodes"]), data["items"]["totalCount"]]


async def until_cached(api: Api, members: list[Member]) -> list[int]:
    """Reads until no count comes from the database; returns the last read."""
    found: list[int] = []

    async def are_cached() -> bool:
        nonlocal found
        api.statements.clear()
        found = await read(api, members)
        return not any("count(" in sql for sql in api.statements)

    await until(are_cached)
    return found
