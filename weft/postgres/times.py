"""Times that can be read again: Python and JSON know the years 1 to 9999, PostgreSQL many more."""

from datetime import UTC, datetime

import sqlalchemy as sa

LATEST = datetime(9999, 12, 31, tzinfo=UTC)
"""What a row has is earlier. asyncpg gives 'infinity' as a time without a zone: to compare the two
raises TypeError."""

EARLIEST_SQL = "timestamptz '0001-01-02 00:00:00+00'"
LATEST_SQL = "timestamptz '9999-12-31 00:00:00+00'"
# A day less on each side: some offset from UTC would leave the range.


def is_readable(time: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
    """Whether a time is in the range that every time of a table is to be in."""
    return sa.and_(time >= sa.literal_column(EARLIEST_SQL), time < sa.literal_column(LATEST_SQL))


def times_check(*columns: str) -> sa.CheckConstraint:
    """That all times of a table can be read: each table with times has one but `changes`,
    which triggers write.
    """
    ranges = [f"{column} >= {EARLIEST_SQL} AND {column} < {LATEST_SQL}" for column in columns]
    return sa.CheckConstraint(" AND ".join(ranges), name="times")
