"""Versions of rows, as `weft.loading.memory` knows them: whole rows need not be read twice."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from weft.postgres.statement import Statement
from weft.postgres.unreadable import as_json

RowT = TypeVar("RowT")


def row_version(table: sa.FromClause) -> sa.Label[bytes]:
    """The version of a row of a table that has an `id`: `weft.loading.memory.VERSION_BYTES`."""
    assert isinstance(table, sa.Table)

    def column(name: str) -> sa.ColumnElement[Any]:
        return sa.literal_column(f"{table.name}.{name}")

    version = sa.func.oidsend(column("tableoid"), type_=sa.LargeBinary)
    version = version.concat(sa.func.int8send(table.c.id))
    return version.concat(sa.func.xidsend(column("xmin"))).label("row_version")


def key_of_version(version: bytes) -> int:
    """The `id` of the row."""
    return int.from_bytes(version[4:12])


def integer_array(values: Sequence[int]) -> str:
    """A bigint[] as PostgreSQL writes it, which is read faster than asyncpg encodes a list."""
    return f"{{{str(list(values))[1:-1]}}}"


class RowStatements(Generic[RowT]):
    """The statements for rows by `ids`, an `integer_array`: whole, their versions, or as JSON."""

    def __init__(self, columns: Sequence[sa.Column[Any]], row: Callable[..., RowT]) -> None:
        """`row` makes a row of `columns`."""
        table = columns[0].table
        assert isinstance(table, sa.Table)
        version = row_version(table)
        ids = sa.cast(sa.bindparam("ids", type_=sa.Text), ARRAY(sa.BigInteger))
        by_id = table.c.id == sa.func.any(ids)
        self.rows: Statement[tuple[bytes, tuple[Any, ...]]] = Statement(
            sa.select(version, *columns).where(by_id),
            lambda version, *columns: (version, columns),
        )
        """The version and the columns of every row that is there."""
        self.versions: Statement[bytes] = Statement(
            sa.select(sa.func.string_agg(version.element, sa.literal_column("''::bytea"))).where(
                by_id
            ),
            lambda versions: versions or b"",
        )
        """One row: the versions of all that are there, one after another."""
        self.texts: Statement[str] = Statement(sa.select(as_json(columns)).where(by_id), str)
        """Every row that is there as JSON, for `row_of_json`."""
        self.row = row
