"""The change log's statements, and the log that relay and hub work with."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec
import sqlalchemy as sa

from weft.changes.batch import Batch
from weft.changes.change import BEGINNING, Point
from weft.changes.errors import CursorExpired
from weft.changes.log import BATCH_LIMIT, Prepare
from weft.postgres.change_points import (
    AT,
    HORIZON,
    LAST_POINT,
    LAST_POSITION,
    LOG_HORIZON,
    LOG_NAME,
    POSITION,
    PRUNE_CHANGES,
    mark_at,
    mark_of,
)
from weft.postgres.change_row import Sides, change_row
from weft.postgres.change_table import change_table
from weft.postgres.history import PRESENT_ID, History, HistoryEnded, Opened
from weft.postgres.pages import keys_of
from weft.postgres.settled_ids import SettledIds
from weft.postgres.statement import Statement

_c = change_table.c
_CHANGE_COLUMNS = (
    *(_c.position, mark_of(_c)),
    *(_c.entity, _c.key, _c.kind, _c.before, _c.after, AT.label("at"), _c.xid),
)


def _bigint_of(transaction_id: Any) -> sa.ColumnElement[int]:
    return sa.cast(sa.cast(transaction_id, sa.Text), sa.BigInteger)


_settled_id = sa.select(
    sa.case(
        (
            mark_at(POSITION) == sa.bindparam("mark", type_=sa.LargeBinary),
            sa.bindparam("settled_id", type_=sa.BigInteger),
        ),
        else_=sa.literal_column("0"),
    )
).scalar_subquery()

_pending = (
    sa.select(
        _c.id,
        # A subquery by itself is evaluated once, not once for each row.
        sa.select(
            _bigint_of(sa.func.pg_snapshot_xmin(sa.func.pg_current_snapshot()))
        ).scalar_subquery(),
        sa.literal_column("0").label("position"),
        *_CHANGE_COLUMNS[1:],
    )
    .where(_c.position.is_(None), _c.id > _settled_id)
    .order_by(_c.id)
    .limit(sa.literal_column(str(BATCH_LIMIT)))
    .subquery("pending")
)
_always = sa.select(PRESENT_ID.label("history")).subquery("always")
PENDING_CHANGES = Statement(
    sa.select(_always.c.history, *_pending.c)
    .select_from(_always.outerjoin(_pending, sa.true()))
    .order_by(_pending.c.id),
    lambda history, id, xmin, *columns: (
        history,
        None if id is None else (id, xmin, columns),
    ),
)
"""What was committed and has no position yet, the lowest id first; one row if there is nothing.

With each the id of the present history: a restore may have put other tables in place of these.

Ids up to `settled_id` are not looked at, as long as the log goes through `position` and `mark`: in
a history that took the place of the leader's, they may be pending again.
"""

_keys = keys_of(id=sa.BigInteger())
_assigned = (
    sa.update(change_table)
    .values(position=LAST_POSITION + _keys.c.place)
    .where(_c.id == _keys.c.id, _c.position.is_(None))
    .returning(_c.position)
    .cte("assigned")
)
ASSIGN_POSITIONS = Statement(
    sa.select(
        sa.func.min(_assigned.c.position),
        sa.func.count(),
        _bigint_of(sa.func.pg_current_xact_id()),
        mark_at(LAST_POSITION),
    ),
    lambda first, count, xid, mark: (first, count, xid, mark),
)
"""One row: the first position that was given, how many were, the id of the transaction, and the
mark of what was the last point before.

The `id`s get theirs in the order in which they are given.
"""

_page_start = sa.bindparam("page_start", type_=sa.BigInteger)
_first = sa.func.greatest(_page_start, HORIZON, type_=sa.BigInteger)
_points = sa.select(
    mark_at(POSITION).label("mark"),
    _first.label("start"),
    mark_at(_first).label("start_mark"),
).subquery("points")
_page = (
    sa.select(*_CHANGE_COLUMNS)
    .where(_c.position > _page_start)
    .order_by(_c.position)
    .limit(sa.literal_column(str(BATCH_LIMIT)))
    .subquery("page")
)
CHANGES_AFTER = Statement(
    sa.select(*_points.c, *_page.c)
    .select_from(_points.outerjoin(_page, sa.true()))
    .order_by(_page.c.position),
    lambda mark, start, start_mark, *columns: (
        (mark, start, start_mark),
        None if columns[0] is None else columns,
    ),
)
"""At least one row: the mark at `position`, the point before the page, and a change of the page."""

_oldest_pending = (
    sa.select(AT).where(_c.position.is_(None)).order_by(_c.id).limit(1).scalar_subquery()
)
RELAY_LAG_SECONDS = Statement(
    sa.select(
        sa.func.coalesce(
            sa.cast(
                sa.func.extract("epoch", sa.func.clock_timestamp() - _oldest_pending), sa.Float
            ),
            0.0,
        )
    ),
    lambda seconds: seconds,
)
"""The age of the oldest committed change that has no position yet; 0 if there is none.

Also right without a leader, or while the leader is stuck.
"""

TRY_LEAD = """
SELECT pg_try_advisory_lock(
  CAST(CAST('pg_class' AS regclass) AS int), CAST(CAST('changes' AS regclass) AS int))
"""
SET_LEASE = "SELECT set_config('idle_session_timeout', $1, false)"

ANSWER_MS = 10_000
NO_SIDES: Sides = {}


class PostgresChangeLog:
    """`weft.changes.log.ChangeLog` over one connection.

    Neither end waits for the other for ever. A leader that says nothing for `lease_ms` is taken for
    dead, and PostgreSQL ends its connection: this covers a stopped process and a machine that
    vanished, where no socket is closed. A statement without an answer after `answer_ms` raises
    TimeoutError.
    """

    def __init__(
        self,
        connection: asyncpg.Connection,
        history: History | None = None,
        *,
        sides: Sides = NO_SIDES,
        lease_ms: int = 5000,
        answer_ms: int = ANSWER_MS,
    ) -> None:
        self._connection = connection
        self._history = history
        self._sides = sides
        self._lease_ms = lease_ms
        self._answer_seconds = answer_ms / 1000
        self._settled = SettledIds()
        self._last: Point = BEGINNING
        """The last change that got its position over this connection."""

    @property
    def history(self) -> str | None:
        return self._history and self._history.name

    async def try_lead(self) -> bool:
        leads = await self._connection.fetchval(TRY_LEAD, timeout=self._answer_seconds)
        if leads:
            await self._connection.execute(
                SET_LEASE, str(self._lease_ms), timeout=self._answer_seconds
            )
        return bool(leads)

    async def name(self) -> str:
        return (await self._all(LOG_NAME))[0]

    async def assign_positions(self, prepare: Prepare | None = None) -> Batch:
        rows = await self._all(
            PENDING_CHANGES,
            settled_id=self._settled.up_to,
            position=self._last.position,
            mark=self._last.mark,
        )
        if self._history is not None and rows[0][0] != self._history.id:
            raise HistoryEnded("The database has another history than when this one was opened.")
        pending = [
            (id, xmin, change_row(self._sides, *columns))
            for id, xmin, columns in (found for _, found in rows if found is not None)
        ]
        if prepare is not None:
            await prepare([change for _, _, change in pending])
        if not pending:
            return Batch(BEGINNING, [])
        ids = [id for id, _, _ in pending]
        ((first, count, xid, mark),) = await self._all(ASSIGN_POSITIONS, id=ids)
        if count != len(ids):
            raise RuntimeError(f"{len(ids)} changes were to get positions, and {count} did.")
        changes = [
            msgspec.structs.replace(change, position=position)
            for position, (_, _, change) in enumerate(pending, first)
        ]
        start = Point(first - 1, mark)
        if not start.is_at(self._last):
            self._settled = SettledIds()
        self._last = changes[-1]
        self._settled.learn(
            highest_id=ids[-1],
            xid=xid,
            xmin=pending[0][1],
            is_all=len(pending) < BATCH_LIMIT,
        )
        return Batch(start, changes)

    @property
    def settled_id(self) -> int:
        """No change up to this id has yet to get its position."""
        return self._settled.up_to

    async def after(self, point: Point, *, page_start: int | None = None) -> Batch:
        start = point.position if page_start is None else page_start
        rows = await self._all(CHANGES_AFTER, position=point.position, page_start=start)
        mark, *first = rows[0][0]
        if mark != point.mark:
            raise CursorExpired
        found = [columns for _, columns in rows if columns is not None]
        return Batch(Point(*first), [change_row(self._sides, *columns) for columns in found])

    async def horizon(self, point: Point) -> int | None:
        ((horizon, mark),) = await self._all(LOG_HORIZON, position=point.position)
        return horizon if mark == point.mark else None

    async def last(self) -> Point:
        return (await self._all(LAST_POINT))[0]

    async def prune(self, retention_seconds: float) -> int:
        retention = timedelta(seconds=retention_seconds)
        return sum(await self._all(PRUNE_CHANGES, retention=retention))

    async def aclose(self) -> None:
        try:
            await self._connection.close(timeout=1)
        except Exception:
            # A connection that is broken in whatever way; what it was used for is over.
            self._connection.terminate()

    async def _all(self, statement: Statement[Any], **parameters: Any) -> list[Any]:
        records = await self._connection.fetch(
            statement.sql, *statement.arguments(parameters), timeout=self._answer_seconds
        )
        return [statement.row(*record) for record in records]


async def open_change_log(
    connect: Callable[[], Awaitable[Opened]],
    answer_ms: int = ANSWER_MS,
    *,
    sides: Sides,
) -> PostgresChangeLog:
    """A log over a connection of its own, for a relay one that may write."""
    return PostgresChangeLog(*await connect(), sides=sides, answer_ms=answer_ms)
