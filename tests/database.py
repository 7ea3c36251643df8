"""A database for tests to write to, by asyncpg and by psql."""

import asyncio
import os
from dataclasses import dataclass
from typing import Any

import asyncpg

from tests.waiting import PATIENCE_SECONDS
from weft.embedded.binaries import postgresql_binaries


@dataclass(frozen=True)
class Database:
    """A schema of the database; its name is the `application_name` of connections."""

    dsn: str
    schema: str = "public"

    async def connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(
            self.dsn,
            timeout=PATIENCE_SECONDS,
            command_timeout=PATIENCE_SECONDS,
            server_settings={"search_path": self.schema, "application_name": self.schema},
        )

    async def run(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        connection = await self.connect()
        try:
            return await connection.fetch(sql, *arguments)
        finally:
            await connection.close()

    async def psql(self, sql: str) -> bool:
        """Runs psql; returns whether it succeeded."""
        process = await asyncio.create_subprocess_exec(
            *(postgresql_binaries() / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql, self.dsn),
            env=os.environ | {"PGOPTIONS": f"-c search_path={self.schema}"},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await process.wait() == 0
