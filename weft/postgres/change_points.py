"""Points of the change log in SQL: marks, the last point that was dropped, the last of all."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from weft.changes.change import BEGINNING, MARK_BYTES, Point
from weft.changes.log import BATCH_LIMIT
from weft.postgres.change_table import change_horizon_table, change_table
from weft.postgres.statement import Statement
from weft.postgres.times import EARLIEST_SQL, is_readable


def mark_of(c: Any) -> sa.ColumnElement[bytes]:
    """As `Point.mark`, of a row of the log; the same wherever that row is copied to."""
    row = sa.func.concat_ws(
        sa.literal_column("' '"), c.id, c.xid, sa.extract("epoch", c.at), c.entity, c.key
    )
    digest = sa.func.sha256(sa.func.convert_to(row, sa.literal_column("'UTF8'")))
    length = sa.literal_column(str(MARK_BYTES))
    return sa.func.substr(digest, sa.literal_column("1"), length, type_=sa.LargeBinary)


_earlier = change_table.alias("earlier")
HORIZON = sa.func.coalesce(
    sa.select(change_horizon_table.c.position).scalar_subquery(), 0, type_=sa.BigInteger
)
LAST_POSITION = sa.func.greatest(
    sa.select(sa.func.max(_earlier.c.position)).scalar_subquery(), HORIZON, type_=sa.BigInteger
)


_at = change_table.alias("at_position")
_NO_MARK = sa.literal_column(f"'\\x{BEGINNING.mark.hex()}'::bytea", sa.LargeBinary)


def mark_at(position: Any) -> sa.ColumnElement[bytes]:
    """The mark of the point at a position; NULL if the log does not keep what follows it.

    The last change that was dropped is the first such point; before any was, the beginning is.
    """
    dropped = change_horizon_table.c
    return sa.func.coalesce(
        sa.select(mark_of(_at.c)).where(_at.c.position == position).scalar_subquery(),
        sa.select(sa.func.coalesce(dropped.mark, _NO_MARK))
        .where(dropped.position == position)
        .scalar_subquery(),
        sa.case((sa.func.greatest(position, HORIZON) == sa.literal_column("0"), _NO_MARK)),
        type_=sa.LargeBinary,
    )


POSITION = sa.bindparam("position", type_=sa.BigInteger)
LOG_HORIZON = Statement(
    sa.select(HORIZON, mark_at(POSITION)), lambda horizon, mark: (horizon, mark)
)

LAST_POINT = Statement(sa.select(LAST_POSITION, mark_at(LAST_POSITION)), Point)

_log = sa.text("pg_class WHERE oid = CAST('changes' AS regclass)")
LOG_NAME = Statement(
    sa.select(
        sa.func.current_database(),
        sa.literal_column("CAST(CAST(relnamespace AS regnamespace) AS text)"),
        sa.literal_column("CAST(extract(epoch FROM pg_postmaster_start_time()) AS text)"),
    ).select_from(_log),
    lambda database, schema, began: f"{database}.{schema}@{began}",
)
"""No two servers of PostgreSQL began in the same microsecond, a copy and its original neither."""

_c = change_table.c
AT = sa.case((is_readable(_c.at), _c.at), else_=sa.literal_column(EARLIEST_SQL, _c.at.type))
"""When the change was written; long ago if that cannot be read, so that it is dropped soon."""
_oldest = (
    sa.select(_c.position, AT.label("at"))
    .where(_c.position > HORIZON)
    .order_by(_c.position)
    .limit(sa.literal_column(str(BATCH_LIMIT)))
    .cte("oldest")
)
_cutoff = sa.func.clock_timestamp() - sa.bindparam("retention", type_=sa.Interval)
_droppable_to = sa.select(
    sa.func.coalesce(
        sa.func.min(_oldest.c.position).filter(_oldest.c.at > _cutoff) - 1,
        sa.func.max(_oldest.c.position),
    )
).scalar_subquery()
_dropped = (
    sa.delete(change_table)
    .where(_c.position > HORIZON, _c.position <= _droppable_to)
    .returning(_c.position, mark_of(_c).label("mark"))
    .cte("dropped")
)
_raise_horizon = insert(change_horizon_table).from_select(
    ["position", "mark"],
    sa.select(*_dropped.c).order_by(_dropped.c.position.desc()).limit(sa.literal_column("1")),
)
PRUNE_CHANGES = Statement(
    _raise_horizon.on_conflict_do_update(
        index_elements=[change_horizon_table.c.singleton],
        set_={
            "position": _raise_horizon.excluded.position,
            "mark": _raise_horizon.excluded.mark,
        },
    ).returning(sa.select(sa.func.count()).select_from(_dropped).scalar_subquery()),
    lambda count: count,
)
"""Drops the oldest only, up to the first that is too young; so one horizon tells what is gone."""
