"""Fixtures of a history: users, and a Redis of the test's own."""

from collections.abc import AsyncGenerator

import asyncpg
import pytest

from app import create_app
from settings import Settings
from tests.client import Api, Clock, Member
from tests.own_postgresql import OwnPostgreSQL, own_postgresql
from tests.weft.cache.redis_process import StoppableRedis

USERS = 800


@pytest.fixture
async def own_redis(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[StoppableRedis]:
    server = StoppableRedis(tmp_path_factory.mktemp("redis") / "r.sock")
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def members(connection: asyncpg.Connection, settings: Settings) -> dict[int, Member]:
    """Signed-in users: many, so that processes often read values for the first time.

    No server runs in this process: it would become the leader.
    """
    return await _members(connection, settings)


async def _members(connection: asyncpg.Connection, settings: Settings) -> dict[int, Member]:
    api = Api(create_app(settings), settings, connection, Clock(), [])
    found = [await api.user(f"User {number}") for number in range(USERS)]
    await api.http.aclose()
    return {member.key: member for member in found}


@pytest.fixture(scope="module")
async def postgresql() -> AsyncGenerator[OwnPostgreSQL]:
    """A PostgreSQL that the tests may kill and restore."""
    async with own_postgresql() as own:
        yield own


@pytest.fixture
async def members_of_own(postgresql: OwnPostgreSQL, settings: Settings) -> dict[int, Member]:
    """Signed-in users in `postgresql`, which holds no other users."""
    connection = await postgresql.connect()
    await connection.execute("TRUNCATE users CASCADE")
    own = settings.model_copy(update={"database_url": postgresql.dsn})
    async with connection.transaction():  # separate transactions would each wait for the disk
        found = await _members(connection, own)
    await connection.close()
    return found
