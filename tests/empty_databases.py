"""Empty databases, for tests of what creates tables."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from weft.embedded import EmbeddedServers


class Databases:
    """Creates empty databases, and drops them at the end."""

    def __init__(self, server: asyncpg.Connection, server_url: str, prefix: str) -> None:
        self._server = server
        self._server_url = server_url
        self._prefix = prefix
        self._names: list[str] = []

    async def new(self) -> str:
        name = f"{self._prefix}_{len(self._names)}"
        await self._server.execute(f'CREATE DATABASE "{name}"')
        self._names.append(name)
        return self._server_url.replace("/weft?", f"/{name}?", 1)

    async def drop(self) -> None:
        for name in self._names:
            await self._server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def databases(servers: EmbeddedServers, worker_id: str) -> AsyncIterator[Databases]:
    server_url = servers.database_url.replace("+asyncpg", "", 1)
    server = await asyncpg.connect(server_url)
    made = Databases(server, server_url, f"made_{worker_id}")
    yield made
    await made.drop()
    await server.close()
