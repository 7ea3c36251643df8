"""Brings a database to a revision of `db/migrations`."""

import asyncio
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from db.revision import MIGRATIONS

# Two processes that start at once must not both migrate; the number is "weft" in ASCII.
LOCK = sa.text("SELECT pg_advisory_xact_lock(2003133044)")


def upgrade(database_url: str, revision: str = "head") -> None:
    """Migrates up to a revision, one process at a time; nothing if it is reached already."""
    asyncio.run(_run(database_url, command.upgrade, revision))


def downgrade(database_url: str, revision: str) -> None:
    """Migrates down to a revision; `base` removes every table with all that is in it."""
    asyncio.run(_run(database_url, command.downgrade, revision))


async def _run(database_url: str, run: Callable[[Config, str], None], revision: str) -> None:
    engine = create_async_engine(async_url(database_url), poolclass=NullPool)

    def migrate(connection: sa.Connection) -> None:
        connection.execute(LOCK)
        run(configuration(connection), revision)

    async with engine.begin() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


def configuration(connection: sa.Connection) -> Config:
    """What Alembic needs to know, with the connection that it is to work on."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def async_url(database_url: str) -> Any:
    """The URL with asyncpg as its driver, whatever driver it names."""
    return sa.make_url(database_url).set(drivername="postgresql+asyncpg")
