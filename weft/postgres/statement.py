"""Statements: SQLAlchemy Core constants, compiled once to what asyncpg takes, that give rows."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Generic, TypeVar

from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql.asyncpg import dialect

RowT = TypeVar("RowT", covariant=True)

# A subquery by itself is evaluated once, not once for each row.
WITH_SNAPSHOT = """
SELECT (SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)), kept.*
FROM (SELECT) AS always
LEFT JOIN (SELECT true AS is_row, found.* FROM ({}) AS found) AS kept ON true
"""


class Statement(Generic[RowT]):
    """A statement and the rows it gives; a module constant, never built per call.

    `row` takes the columns in their order, so a `msgspec.Struct` class whose fields stand in the
    order of the columns will do. Parameters are the names of the statement's `bindparam`s.

    With `snapshot`, every record begins with the xmin of the snapshot it was read in, and whether
    it is a row; there is one that is none if there are no rows. What is cached is read by these.
    """

    def __init__(
        self, element: ClauseElement, row: Callable[..., RowT], *, snapshot: bool = False
    ) -> None:
        self.element = element
        self.row = row
        self.snapshot = snapshot

    @cached_property
    def _compiled(self) -> tuple[str, list[tuple[str, Any]]]:
        compiled: Any = self.element.compile(dialect=dialect())
        constants = compiled.params
        sql = str(compiled)
        if self.snapshot:
            sql = WITH_SNAPSHOT.format(sql)
        return sql, [(name, constants[name]) for name in compiled.positiontup or ()]

    @property
    def sql(self) -> str:
        """The text for PostgreSQL, with `$1`, `$2` ... for its parameters."""
        return self._compiled[0]

    def arguments(self, parameters: dict[str, Any]) -> list[Any]:
        """The parameters in the order of the text, with the statement's own constants."""
        return [parameters.get(name, constant) for name, constant in self._compiled[1]]
