"""Which history of the database a connection belongs to, and how another one begins.

A *history* is a stretch of time in which no transaction id is given out twice and nothing that was
committed is undone; `decisions/histories.md` has what ends one, and how that is noticed. What is
remembered of the database is remembered under the name of its history.

The table `histories` is unlogged: PostgreSQL itself empties it at each recovery, also after one
backend's crash, and in whatever is made of a base backup. A row that came out of a dump tells the
oid of another table than it stands in, and is none.
"""

from hashlib import blake2b
from typing import NamedTuple

import asyncpg
import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import OID

from weft.errors import Unavailable
from weft.postgres.connection import LOST, ReadConnection, connect
from weft.postgres.metadata import metadata
from weft.postgres.statement import Statement
from weft.postgres.times import times_check

NAME_BYTES = 10
STATEMENT_TIMEOUT_MS = 20_000

history_table = sa.Table(
    "histories",
    metadata,
    sa.Column("table_oid", OID, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Uuid, nullable=False, server_default=sa.func.gen_random_uuid()),
    sa.Column(
        "began_at",
        sa.DateTime(timezone=True),
        nullable=False,
        server_default=sa.func.clock_timestamp(),
    ),
    times_check("began_at"),
    prefixes=["UNLOGGED"],
    comment="What of the database's history cannot be seen otherwise; see db/history.py.",
)


class History(NamedTuple):
    """A history as one of its connections finds it."""

    name: str
    id: str
    """Of its row."""
    age_seconds: float
    """How long ago it began, at least."""


class Opened(NamedTuple):
    """A new connection, and the history that it belongs to; None if that is not known."""

    raw: asyncpg.Connection
    history: History | None

    @property
    def name(self) -> str | None:
        """That of the history."""
        return self.history and self.history.name


def _history(
    system: int, timeline: str, database: int, started: str, id: object, age_seconds: float
) -> History:
    told = f"{system} {timeline} {database} {started} {id}"
    return History(blake2b(told.encode(), digest_size=NAME_BYTES).hexdigest(), str(id), age_seconds)


_h = history_table.c
_IS_OWN = _h.table_oid == sa.literal_column("histories.tableoid")
_started_at = sa.func.pg_postmaster_start_time()

PRESENT_HISTORY = Statement(
    sa.select(
        sa.literal_column("system_identifier"),
        sa.func.left(sa.func.pg_walfile_name(sa.func.pg_current_wal_lsn()), 8),
        sa.literal_column("(SELECT oid FROM pg_database WHERE datname = current_database())"),
        sa.cast(_started_at, sa.Text),
        _h.id,
        sa.cast(
            sa.func.extract(
                "epoch", sa.func.clock_timestamp() - sa.func.greatest(_h.began_at, _started_at)
            ),
            sa.Float,
        ),
    )
    .select_from(sa.func.pg_control_system(), history_table)
    .where(_IS_OWN),
    _history,
)
"""One row; none if a history is still to begin."""

PRESENT_ID = sa.select(sa.cast(_h.id, sa.Text)).where(_IS_OWN).scalar_subquery()
"""The id of the present history; NULL if one is still to begin."""

_BEGIN = "BEGIN READ WRITE; LOCK TABLE histories IN SHARE ROW EXCLUSIVE MODE"
_HAS_BEGUN = "SELECT EXISTS (SELECT FROM histories WHERE table_oid = tableoid)"
_OTHERS = """
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND application_name LIKE 'weft %' AND backend_start < now()
"""
_END_OTHERS = f"SELECT pg_terminate_backend(pid, 5000) {_OTHERS}"
_LOOK_AGAIN = "SELECT pg_stat_clear_snapshot()"
_COUNT_OTHERS = f"SELECT count(*) {_OTHERS}"
_INSERT = """
DELETE FROM histories; INSERT INTO histories (table_oid) VALUES ('histories'::regclass::oid)
"""

IS_STANDBY = "SELECT pg_is_in_recovery()"

UNKNOWABLE = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.UndefinedTableError,  # the database is not migrated
    asyncpg.FeatureNotSupportedError,  # a standby has no unlogged tables,
    asyncpg.ObjectNotInPrerequisiteStateError,  # writes no log,
    asyncpg.ReadOnlySQLTransactionError,  # and nothing else
)

_log = structlog.get_logger(__name__)


class HistoryEnded(RuntimeError):
    """The database has another history than when the connection began."""


async def history_of(raw: asyncpg.Connection) -> History | None:
    """The history that a new connection belongs to, which begins with it if there is none.

    None if the role may not know it, on a standby, and where the tables are missing. Unavailable if
    the connection was lost, maybe to another that has begun a history.
    """
    # It is no statement of any operation.
    connection = ReadConnection(raw, lambda _sql, _seconds: None)
    try:
        found = await connection.first(PRESENT_HISTORY)
        if found is None:
            await _begin(raw)
            found = await connection.first(PRESENT_HISTORY)
    except UNKNOWABLE:
        return None
    except LOST as error:
        raise Unavailable("The database could not be reached.") from error
    return found


async def _begin(raw: asyncpg.Connection) -> None:
    """Begins a history, unless another connection just has.

    Before it can be seen, every connection of a server has ended that may take the last one for the
    present: what they wrote would have its fences raised in that one. After a crash there are none
    but those that wait here for the same.
    """
    try:
        await raw.execute(_BEGIN)
        if not await raw.fetchval(_HAS_BEGUN):
            ended = await raw.fetch(_END_OTHERS)
            await raw.execute(_LOOK_AGAIN)
            if await raw.fetchval(_COUNT_OTHERS):
                raise Unavailable("Connections of the last history do not end.")
            await raw.execute(_INSERT)
            _log.info("history_began", connections_ended=len(ended))
        await raw.execute("COMMIT")
    except UNKNOWABLE:
        await raw.execute("ROLLBACK")
        raise


async def begin_another(dsn: str) -> None:
    """Ends the history of a database that is in use, and begins another; Unavailable if not.

    All connections of servers end, which open others and begin with nothing remembered.
    """
    raw = await connect(
        dsn, name="weft restored", read_only=False, statement_timeout_ms=STATEMENT_TIMEOUT_MS
    )
    try:
        await raw.execute("DELETE FROM histories")
        await _begin(raw)
    except UNKNOWABLE as error:
        raise Unavailable(f"The database does not let this be said: {error}.") from error
    finally:
        await raw.close()
