"""Which revision the tables are at, told without loading what migrates them.

Revisions are numbers of four digits, so their order is that of their texts.
"""

import asyncio
from pathlib import Path

import asyncpg
import msgspec
import sqlalchemy as sa

from weft.errors import Unavailable
from weft.postgres.connection import ReadConnection, connect
from weft.postgres.statement import Statement

MIGRATIONS = Path(__file__).parents[2] / "db" / "migrations"
STATEMENT_TIMEOUT_MS = 5_000
ANSWER_SECONDS = STATEMENT_TIMEOUT_MS / 1000 + 1


class StoredRevision(msgspec.Struct, frozen=True):
    """The revision of a database, None for an empty one.

    `compatible_from` is the oldest revision whose release works on these tables as well, as the
    revision itself declares; None if no older one does.
    """

    revision: str | None = None
    compatible_from: str | None = None

    def is_newer_than(self, known: str) -> bool:
        """Whether a release that knows revisions up to `known` has not heard of this one."""
        return self.revision is not None and self.revision > known

    def check(self, known: str) -> None:
        """Returns if a release that knows revisions up to `known` works on these tables.

        Raises WrongRevision otherwise, or TooNew.
        """
        if self.is_newer_than(known):
            if self.compatible_from is None or self.compatible_from > known:
                oldest = self.compatible_from or self.revision
                raise TooNew(
                    f"The database is at {self.revision}, for releases from {oldest} on; this one "
                    f"knows {known}: deploy a newer release, or downgrade the database with one."
                )
        elif self.revision != known:
            raise WrongRevision(
                f"The database is at {self.revision}, not at {known}: run weft migrate."
            )


# The column is not there before the first revision that was migrated to by a release which has it.
REVISION = Statement(
    sa.select(
        sa.column("version_num", sa.Text),
        sa.literal_column("to_jsonb(alembic_version) ->> 'compatible_from'", sa.Text),
    ).select_from(sa.table("alembic_version")),
    StoredRevision,
)

NOT_VALIDATED = Statement(
    sa.select(
        sa.literal_column(
            "EXISTS (SELECT FROM pg_constraint WHERE NOT convalidated AND contype = ANY ('{c,f}')"
            " AND connamespace = CAST(current_schema() AS regnamespace))",
            sa.Boolean,
        )
    ),
    bool,
)
"""Whether some rows are older than a constraint, and were not held against it."""


class MigrationError(RuntimeError):
    """The database is not what it should be; the message says what to do."""


class WrongRevision(MigrationError):
    """The database is not at a revision that this release works on."""


class MigrationBlocked(MigrationError):
    """A table was locked by others each time; what came before that is done."""


class TooNew(WrongRevision):
    """The database is at a revision of a newer release that this one does not work on."""


def head(folder: Path = MIGRATIONS) -> str:
    """The newest revision: versions are files named by their revision, in order."""
    return max(path.name.partition("_")[0] for path in folder.glob("versions/[0-9]*.py"))


async def check_revision(connection: ReadConnection) -> None:
    """Returns if this release works on the database; WrongRevision if not."""
    stored = await connection.first(REVISION) or StoredRevision()
    stored.check(head())


async def stored_revision(database_url: str) -> tuple[StoredRevision, bool]:
    """What a database is at, and whether all its constraints are validated.

    Unavailable if there is no database.
    """
    raw = await connect(
        database_url.replace("+asyncpg", "", 1),
        name="weft revision",
        read_only=True,
        statement_timeout_ms=STATEMENT_TIMEOUT_MS,
    )
    connection = ReadConnection(raw, lambda _statement, _seconds: None)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            stored = await connection.first(REVISION) or StoredRevision()
            return stored, not await connection.first(NOT_VALIDATED)
    except asyncpg.UndefinedTableError:
        return StoredRevision(), True
    except TimeoutError as error:
        raise Unavailable("The database could not be reached.") from error
    finally:
        await connection.close()


async def is_at_head(database_url: str) -> bool:
    """Whether there is nothing to migrate; false for an empty database. Unavailable for none."""
    stored, is_validated = await stored_revision(database_url)
    return stored.revision == head() and is_validated
