"""Keyset pages in SQL: what every paged table shares.

Keys come as one array for each column and leave as rows with the `place` of their key, so that one
statement serves any number of keys, with any mix of cursors, sizes and filters.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from weft.declare.pagination import Window
from weft.postgres.row_version import row_version
from weft.postgres.statement import Statement
from weft.postgres.unreadable import as_json

RowT = TypeVar("RowT")

AnySelect = sa.Select[*tuple[Any, ...]]

# What lies beyond the first and the last value of an order; no text stored is longer than the last.
LOWEST_TIME = sa.literal_column("'-infinity'::timestamptz")
HIGHEST_TIME = sa.literal_column("'infinity'::timestamptz")
LOWEST_TEXT = sa.literal_column("''")
HIGHEST_TEXT = sa.literal_column("repeat(chr(1114111), 256)")
LOWEST_KEY = sa.literal_column("(-1)::bigint")
HIGHEST_KEY = sa.literal_column("9223372036854775807")


def keys_of(**types: TypeEngine[Any]) -> sa.TableValuedAlias:
    """The keys of a batch as a table: a column for each array parameter, and `place`, from 1."""
    arrays = [sa.bindparam(name, type_=ARRAY(type_)) for name, type_ in types.items()]
    columns = [sa.column(name, type_) for name, type_ in types.items()]
    return (
        sa.func.unnest(*arrays)
        .table_valued(*columns, with_ordinality="place")
        .render_derived(name="keys")
    )


def window_keys(value_type: TypeEngine[Any]) -> dict[str, TypeEngine[Any]]:
    """The columns that `window_arrays` fills."""
    return {
        "lower_value": value_type,
        "lower_key": sa.BigInteger(),
        "upper_value": value_type,
        "upper_key": sa.BigInteger(),
        "row_limit": sa.Integer(),
    }


def window_arrays(windows: Sequence[Window]) -> dict[str, list[Any]]:
    """The bounds and sizes of windows, for `window_keys`: a row more than a page has."""
    lower = [window.bounds[0] for window in windows]
    upper = [window.bounds[1] for window in windows]
    return {
        "lower_value": sparse([at.value if at else None for at in lower]),
        "lower_key": sparse([at.key if at else None for at in lower]),
        "upper_value": sparse([at.value if at else None for at in upper]),
        "upper_key": sparse([at.key if at else None for at in upper]),
        "row_limit": [window.size + 1 for window in windows],
    }


def sparse(values: list[Any]) -> list[Any]:
    """The values, or nothing where all are None: `unnest` fills up what is shorter with nulls."""
    return [] if all(value is None for value in values) else values


def within(
    keys: sa.TableValuedAlias, value: sa.ColumnElement[Any], key: sa.ColumnElement[int]
) -> sa.ColumnElement[bool]:
    """Whether a row lies strictly between the bounds of its key; one range of an index."""
    lower_key = sa.func.coalesce(keys.c.lower_key, LOWEST_KEY)
    upper_key = sa.func.coalesce(keys.c.upper_key, HIGHEST_KEY)
    if value is key:
        return sa.and_(key > lower_key, key < upper_key)
    is_time = isinstance(value.type, sa.DateTime)
    lowest, highest = (LOWEST_TIME, HIGHEST_TIME) if is_time else (LOWEST_TEXT, HIGHEST_TEXT)
    place = sa.tuple_(value, key)
    return sa.and_(
        place > sa.tuple_(sa.func.coalesce(keys.c.lower_value, lowest), lower_key),
        place < sa.tuple_(sa.func.coalesce(keys.c.upper_value, highest), upper_key),
    )


def in_order(columns: Sequence[sa.ColumnElement[Any]], ascending: bool) -> list[Any]:
    """The columns as ORDER BY takes them."""
    return [column.asc() if ascending else column.desc() for column in columns]


class PageStatements(Generic[RowT]):
    """The statements for pages of rows: whole rows, their versions, or rows as JSON."""

    def __init__(
        self,
        keys: sa.TableValuedAlias,
        page: Callable[[Sequence[Any]], AnySelect],
        *,
        columns: Sequence[sa.Column[Any]],
        ordered_by: Sequence[sa.Column[Any]],
        row: Callable[..., RowT],
    ) -> None:
        """`page` selects given columns of one key's page, in order; it needs those of `ordered_by`.

        `row` makes a row of `columns`.
        """
        version = row_version(columns[0].table)
        rows = page((version, *columns)).correlate(keys).lateral("page")
        columns_read = (rows.c.row_version, *(rows.c[column.key] for column in columns))
        self.rows: Statement[tuple[int, bytes, tuple[Any, ...]]] = Statement(
            sa.select(keys.c.place, *columns_read).select_from(keys.join(rows, sa.true())),
            lambda place, version, *columns: (place, version, columns),
            snapshot=True,
        )
        """The key's place, the version, the columns of every row; rows of one key are in order."""
        ordered = page((version, *ordered_by)).correlate(keys).lateral("page")
        joined = sa.func.string_agg(ordered.c.row_version, sa.literal_column("''::bytea"))
        versions = sa.select(joined.label("versions")).select_from(ordered).lateral("versions")
        self.versions: Statement[tuple[int, bytes]] = Statement(
            sa.select(keys.c.place, versions.c.versions).select_from(
                keys.join(versions, sa.true())
            ),
            lambda place, versions: (place, versions or b""),
            snapshot=True,
        )
        """Every key's place, and the versions of its rows one after another, in order."""
        texts = sa.select(keys.c.place, as_json([rows.c[column.key] for column in columns]))
        self.texts: Statement[tuple[int, str]] = Statement(
            texts.select_from(keys.join(rows, sa.true())),
            lambda place, text: (place, text),
            snapshot=True,
        )
        """As `rows`, but each as JSON, for `row_of_json`."""
        self.row = row


def array_literal(values: Sequence[str]) -> str:
    """A text[] as PostgreSQL writes it: arrays of arrays would have to be of equal lengths."""
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"
