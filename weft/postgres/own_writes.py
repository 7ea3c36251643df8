"""What a transaction wrote, and where its id belongs."""

from typing import Any

import msgspec
import sqlalchemy as sa

from weft.postgres.change_table import change_table
from weft.postgres.statement import Statement


class Write(msgspec.Struct, frozen=True):
    """One write of a transaction: the columns of visibility, before and after."""

    entity: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


_c = change_table.c


def _as_bigint(transaction_id: Any) -> sa.ColumnElement[int]:
    return sa.cast(sa.cast(transaction_id, sa.Text), sa.BigInteger)


OWN_ID = sa.select(_as_bigint(sa.func.pg_current_xact_id())).scalar_subquery()
"""The id of the transaction; evaluated once for a statement, whatever it returns."""


def _own(xid: int, entity: str, before: str | None, after: str | None) -> tuple[int, Write]:
    return xid, Write(
        entity,
        None if before is None else msgspec.json.decode(before),
        None if after is None else msgspec.json.decode(after),
    )


OWN_WRITES = Statement(
    sa.select(_c.xid, _c.entity, _c.before, _c.after)
    .where(_c.xid == _as_bigint(sa.func.pg_current_xact_id_if_assigned()), _c.position.is_(None))
    .distinct(),
    _own,
)
"""What the transaction itself has written so far; the triggers forget no table."""

DRAW_ID = Statement(sa.select(OWN_ID), lambda drawn: drawn)
"""A new transaction id, higher than all earlier ones."""

PING = Statement(sa.select(sa.literal_column("1")), int)
"""Asks for nothing but an answer."""
