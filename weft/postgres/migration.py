"""Brings a database to a revision of `db/migrations`, while servers work on it.

A statement that waits for a lock on a table makes all that comes after it wait as well. So it waits
a second at most, and is tried again later; each revision is a transaction of its own.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from weft.postgres.revision import (
    MIGRATIONS,
    REVISION,
    MigrationBlocked,
    StoredRevision,
    TooNew,
    head,
)
from weft.postgres.validation import validate_constraints

# Two processes that start at once must not both migrate; the number is "weft" in ASCII. To wait for
# it in PostgreSQL would keep a snapshot, for which CREATE INDEX CONCURRENTLY waits in turn.
TRY_LOCK = sa.text("SELECT pg_try_advisory_lock(2003133044)")
LOCK_RETRY_SECONDS = 0.2

LOCK_TIMEOUT_MS = 1_000
TRIES = 20
PAUSE_SECONDS = 3.0
"""After a statement that got no lock; others go on meanwhile."""
LOCK_NOT_AVAILABLE = "55P03"

_log = logging.getLogger(__name__)


def upgrade(database_url: str, revision: str = "head", **options: Any) -> None:
    """Migrates up to a revision, one process at a time; nothing if it is reached already.

    At the newest, constraints that are not validated are, but for those that rows break: they are
    named in a warning. Nothing is done to a database of a newer release with which this one works;
    TooNew for one with which it does not. `options` are those of `migrate`.
    """
    asyncio.run(migrate(database_url, command.upgrade, revision, **options))


def downgrade(database_url: str, revision: str, **options: Any) -> None:
    """Migrates down to a revision; `base` removes every table with all that is in it."""
    asyncio.run(migrate(database_url, command.downgrade, revision, **options))


async def migrate(
    database_url: str,
    run: Callable[[Config, str], None],
    revision: str,
    *,
    folder: Path = MIGRATIONS,
    tries: int = TRIES,
    pause_seconds: float = PAUSE_SECONDS,
) -> None:
    """Runs a command of Alembic, again if it got no lock; MigrationBlocked after so many tries."""
    engine = create_async_engine(
        async_url(database_url),
        poolclass=NullPool,
        connect_args={
            "server_settings": {
                "application_name": "weft migrate",
                "lock_timeout": str(LOCK_TIMEOUT_MS),
                "statement_timeout": "0",
                "timezone": "UTC",
            }
        },
    )
    try:
        for left in reversed(range(tries)):
            try:
                async with engine.connect() as connection:
                    await _migrate(connection, run, revision, folder)
                return
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                    raise
                statement = " ".join((error.statement or "").split())
                if not left:
                    raise MigrationBlocked(
                        f"No lock was to be had in {tries} tries for: {statement}\n"
                        "Something keeps the table locked, such as a long transaction or a backup: "
                        "see pg_stat_activity. Then run weft migrate again, which goes on here."
                    ) from error
                _log.warning("Others use the table; %d more tries for: %s", left, statement)
                await asyncio.sleep(pause_seconds)
    finally:
        await engine.dispose()


async def _migrate(
    connection: AsyncConnection, run: Callable[[Config, str], None], revision: str, folder: Path
) -> None:
    while not await connection.scalar(TRY_LOCK):
        await connection.rollback()
        await asyncio.sleep(LOCK_RETRY_SECONDS)
    newest = head(folder)
    stored = await _stored_revision(connection)
    await connection.commit()
    if stored.is_newer_than(newest):
        stored.check(newest)
        if revision == "head":
            _log.warning(
                "The database is at %s, of a newer release than this one (%s), which works with it:"
                " there is nothing to migrate.",
                *(stored.revision, newest),
            )
            return
        raise TooNew(
            f"The database is at {stored.revision}; this release knows revisions up to {newest} "
            "only: take the newer release."
        )
    await connection.run_sync(lambda sync: run(configuration(sync, folder), revision))
    if (await _stored_revision(connection)).revision == newest:
        await connection.commit()
        await validate_constraints(connection)


async def _stored_revision(connection: AsyncConnection) -> StoredRevision:
    if await connection.scalar(sa.text("SELECT to_regclass('alembic_version')")) is None:
        return StoredRevision()
    row = (await connection.execute(sa.text(REVISION.sql))).first()
    return StoredRevision() if row is None else REVISION.row(*row)


def configuration(connection: sa.Connection | None, folder: Path = MIGRATIONS) -> Config:
    """What Alembic needs to know, with the connection that it is to work on.

    Without one, it writes SQL.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("version_locations", str(folder / "versions"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    return config


def async_url(database_url: str) -> Any:
    """The URL with asyncpg as its driver, whatever driver it names."""
    return sa.make_url(database_url).set(drivername="postgresql+asyncpg")
