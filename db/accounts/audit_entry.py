"""The audit log: what admins did to users. Entries are written and read, never changed."""

import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from weft.postgres.metadata import metadata
from weft.postgres.pages import AnySelect, PageStatements, in_order, keys_of, window_keys, within
from weft.postgres.statement import Statement
from weft.postgres.times import LATEST, times_check


class AuditAction(enum.StrEnum):
    """What was done."""

    SET_ROLE = "SET_ROLE"
    SUSPEND_USER = "SUSPEND_USER"
    RESTORE_USER = "RESTORE_USER"
    DELETE_USER = "DELETE_USER"


class AuditEntryRow(msgspec.Struct, frozen=True):
    """Who did what to whom, and when; names are those of then, and users may be gone."""

    id: int
    at: datetime
    actor_id: int
    actor_name: str
    action: AuditAction
    subject_id: int
    subject_name: str
    detail: str | None


audit_entry_table = sa.Table(
    "audit_entries",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("actor_id", sa.BigInteger, nullable=False),
    sa.Column("actor_name", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("subject_id", sa.BigInteger, nullable=False),
    sa.Column("subject_name", sa.Text, nullable=False),
    sa.Column("detail", sa.Text),
    times_check("at"),
    comment="What admins did to users; it outlives them, so it refers to none.",
)

_c = audit_entry_table.c
AUDIT_ENTRY_COLUMNS = (
    _c.id,
    _c.at,
    _c.actor_id,
    _c.actor_name,
    _c.action,
    _c.subject_id,
    _c.subject_name,
    _c.detail,
)


def audit_entry_row(
    id: int,
    at: datetime,
    actor_id: int,
    actor_name: str,
    action: str,
    subject_id: int,
    subject_name: str,
    detail: str | None,
) -> AuditEntryRow:
    """A row out of `AUDIT_ENTRY_COLUMNS`; raises one of `unreadable.CANNOT_READ` if it is none."""
    if at >= LATEST:
        raise ValueError
    return AuditEntryRow(
        id, at, actor_id, actor_name, AuditAction(action), subject_id, subject_name, detail
    )


def _page(*, ascending: bool) -> PageStatements[AuditEntryRow]:
    keys = keys_of(**window_keys(sa.BigInteger()))

    def page(columns: Sequence[Any]) -> AnySelect:
        return (
            sa.select(*columns)
            .where(within(keys, _c.id, _c.id))
            .order_by(*in_order([_c.id], ascending))
            .limit(keys.c.row_limit)
        )

    return PageStatements(
        keys, page, columns=AUDIT_ENTRY_COLUMNS, ordered_by=(_c.id,), row=audit_entry_row
    )


AUDIT_ENTRY_PAGES = {ascending: _page(ascending=ascending) for ascending in (False, True)}

INSERT_AUDIT_ENTRY = Statement(
    sa.insert(audit_entry_table)
    .values(
        {
            column.key: sa.bindparam(column.key, type_=column.type)
            for column in AUDIT_ENTRY_COLUMNS
            if column.key != "id"
        }
    )
    .returning(_c.id),
    int,
)
