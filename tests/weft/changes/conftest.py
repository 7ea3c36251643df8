"""A schema and a Redis prefix for each test of the change log."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

import pytest
import redis.asyncio

from tests.weft.changes.site import Database, RedisServer, Site, create_log
from weft.embedded import EmbeddedServers


@pytest.fixture
async def database(servers: EmbeddedServers) -> AsyncGenerator[Database]:
    dsn = servers.database_url.replace("+asyncpg", "")
    found = Database(dsn, f"changes_{secrets.token_hex(6)}")
    await found.run(f"CREATE SCHEMA {found.schema}")
    await create_log(found)
    yield found
    await found.run(f"DROP SCHEMA {found.schema} CASCADE")


@pytest.fixture
async def redis_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis") / "r.sock")
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def site(servers: EmbeddedServers, database: Database) -> AsyncGenerator[Site]:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(redis.asyncio.from_url(servers.redis_url))
        yield Site(database, client, database.schema, stack)


@pytest.fixture
async def site_with_own_redis(
    redis_server: RedisServer, database: Database
) -> AsyncGenerator[Site]:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(redis.asyncio.from_url(redis_server.url))
        yield Site(database, client, database.schema, stack)
