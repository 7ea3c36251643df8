"""Rows that cannot be read: other programs may store what PostgreSQL takes and Python does not.

asyncpg decodes all rows of a statement or none. So where some cannot be decoded they are read once
more, as JSON, and each column of each row is judged by itself. What can be read costs nothing more.
"""

import typing
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
import structlog

from weft.errors import Unreadable

RowT = TypeVar("RowT", bound=msgspec.Struct)

CANNOT_READ = (ArithmeticError, LookupError, TypeError, ValueError)
"""What decoding and making rows raise of values that they cannot take."""

_log = structlog.get_logger(__name__)


def as_json(columns: Sequence[sa.ColumnElement[Any]]) -> sa.Label[str]:
    """The columns by name, as the text of a JSON object: there is one of whatever is stored."""
    parts = [part for c in columns for part in (sa.literal_column(f"'{c.key}'"), c)]
    return sa.cast(sa.func.jsonb_build_object(*parts), sa.Text).label("json")


def row_of_json(make: Callable[..., RowT], text: str) -> tuple[RowT, bool]:
    """The row, and whether all of it can be read; what cannot is an `Unreadable` in its place.

    `make` says by its annotation which struct it makes, whose fields are the columns.
    """
    row_type: type[RowT] = typing.get_type_hints(make)["return"]
    try:
        return msgspec.json.decode(text, type=row_type), True
    except msgspec.ValidationError:
        values = msgspec.json.decode(text)
    for field in msgspec.structs.fields(row_type):
        try:
            values[field.name] = msgspec.convert(values[field.name], field.type)
        except msgspec.ValidationError:
            _log.error("unreadable_row", row=row_type.__name__, id=values["id"], column=field.name)
            values[field.name] = Unreadable()
    return row_type(**values), False
