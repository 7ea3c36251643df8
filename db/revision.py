"""Which revision the tables are at, told without loading what migrates them."""

import asyncio
from pathlib import Path

import asyncpg
import sqlalchemy as sa

from db.connection import ReadConnection, connect
from db.statement import Statement
from weft.errors import Unavailable

MIGRATIONS = Path(__file__).parent / "migrations"
STATEMENT_TIMEOUT_MS = 5_000
ANSWER_SECONDS = STATEMENT_TIMEOUT_MS / 1000 + 1

REVISION = Statement(
    sa.select(sa.column("version_num", sa.Text)).select_from(sa.table("alembic_version")), str
)


class WrongRevision(RuntimeError):
    """The database is not at the revision that this release was made for."""


def head() -> str:
    """The newest revision: versions are files named by their revision, in order."""
    return max(path.name.partition("_")[0] for path in MIGRATIONS.glob("versions/[0-9]*.py"))


async def check_revision(connection: ReadConnection) -> None:
    """Returns if the database is at the newest revision; WrongRevision if not."""
    found = await connection.first(REVISION)
    if found != head():
        raise WrongRevision(f"The database is at {found}, not at {head()}: run weft migrate.")


async def is_at_head(database_url: str) -> bool:
    """Whether there is nothing to migrate; false for an empty database. Unavailable for none."""
    raw = await connect(
        database_url.replace("+asyncpg", "", 1),
        name="weft revision",
        read_only=True,
        statement_timeout_ms=STATEMENT_TIMEOUT_MS,
    )
    connection = ReadConnection(raw, lambda _statement, _seconds: None)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await check_revision(connection)
    except (WrongRevision, asyncpg.UndefinedTableError):
        return False
    except TimeoutError as error:
        raise Unavailable("The database could not be reached.") from error
    finally:
        await connection.close()
    return True
