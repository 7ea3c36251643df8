"""Updates of items: those of many requests by one statement."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from sqlalchemy.dialects.postgresql import ARRAY

from db.accounts.rights import IS_ADMIN, SessionRights, is_live
from db.accounts.session import session_table
from db.accounts.user import user_table
from db.item import ITEM_COLUMNS, ItemRow, ItemStatus, item_row, item_table
from weft.postgres.connection import WriteTransaction
from weft.postgres.own_writes import OWN_ID, Write
from weft.postgres.pages import array_literal, keys_of, sparse
from weft.postgres.statement import Statement


class ItemUpdate(msgspec.Struct, frozen=True):
    """What to change of an item, all of it or nothing; UNSET stays as it is.

    Nothing is written unless the item is there, has `expected_version`, if that is given, and the
    statement finds the session of `rights` alive, and its user the owner or, `as_admin`, an admin.
    Without `rights` nothing is written.
    """

    id: int
    expected_version: int | None
    rights: SessionRights | None
    title: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    status: ItemStatus | UnsetType = UNSET
    tags: Sequence[str] | UnsetType = UNSET


_Update = Statement[tuple[int, Write, ItemRow]]

_c, _u = item_table.c, user_table.c
_DESCRIPTION = {"sets_description": sa.Boolean(), "description": sa.Text()}


def _written(
    xid: int, status_before: str, id: int, owner_id: int, *columns: Any
) -> tuple[int, Write, ItemRow]:
    """What was written, as the trigger records it, and the row."""
    row = item_row(id, owner_id, *columns)
    before = {"owner_id": owner_id, "status": status_before}
    after = {"owner_id": owner_id, "status": row.status}
    return xid, Write("Item", before, after), row


def _update_items(*, skip_locked: bool, describes: bool) -> _Update:
    asked = keys_of(
        id=sa.BigInteger(),
        expected_version=sa.Integer(),
        session_id=sa.BigInteger(),
        as_admin=sa.Boolean(),
        title=sa.Text(),
        status=sa.Text(),
        tags=sa.Text(),
        **(_DESCRIPTION if describes else {}),
    )
    may_write = sa.and_(
        _c.id == asked.c.id,
        sa.or_(asked.c.expected_version.is_(None), _c.version == asked.c.expected_version),
        sa.or_(_c.owner_id == _u.id, sa.and_(asked.c.as_admin, IS_ADMIN)),
    )
    locked = (
        sa.select(asked, _c.status.label("status_before"))
        .join(sa.join(session_table, user_table), is_live(asked.c.session_id))
        .join(item_table, may_write)
        .with_for_update(of=item_table, key_share=True, skip_locked=skip_locked)
        .cte("locked")
    )
    tags = sa.cast(locked.c.tags, ARRAY(sa.Text))
    description: dict[str, Any] = {}
    if describes:
        description["description"] = sa.case(
            (locked.c.sets_description, locked.c.description), else_=_c.description
        )
    return Statement(
        sa.update(item_table)
        .where(_c.id == locked.c.id)
        .values(
            title=sa.func.coalesce(locked.c.title, _c.title),
            status=sa.func.coalesce(locked.c.status, _c.status),
            tags=sa.func.coalesce(tags, _c.tags),
            version=_c.version + sa.literal_column("1"),
            # A joined transaction may have begun before others wrote the row.
            updated_at=sa.func.statement_timestamp(),
            **description,
        )
        .returning(OWN_ID, locked.c.status_before, *ITEM_COLUMNS),
        _written,
    )


# By whether one of the descriptions is set: only then PostgreSQL reads them, for full text.
UPDATE_ITEMS = {
    describes: _update_items(skip_locked=False, describes=describes) for describes in (False, True)
}
UPDATE_UNLOCKED_ITEMS = {
    describes: _update_items(skip_locked=True, describes=describes) for describes in (False, True)
}
"""Of several in one transaction, none may wait for a lock while it has others."""


async def update_item(transaction: WriteTransaction, update: ItemUpdate) -> ItemRow | None:
    """Returns the item as written; None if nothing was. Waits for other writers of the row."""
    rows = await transaction.write(UPDATE_ITEMS[_describe([update])], **_parameters([update]))
    return rows[0] if rows else None


async def update_unlocked_items(
    transaction: WriteTransaction, updates: Sequence[ItemUpdate]
) -> list[ItemRow | None]:
    """The items as written, of different ids, in their order; None where nothing was.

    An item that another transaction has locked is not written either.
    """
    statement = UPDATE_UNLOCKED_ITEMS[_describe(updates)]
    rows = await transaction.write(statement, **_parameters(updates))
    written = {row.id: row for row in rows}
    return [written.get(update.id) for update in updates]


def _describe(updates: Sequence[ItemUpdate]) -> bool:
    return any(update.description is not UNSET for update in updates)


def _parameters(updates: Sequence[ItemUpdate]) -> dict[str, Any]:
    held = [update.rights for update in updates]
    arrays: dict[str, Any] = {
        "now": next((rights.now() for rights in held if rights is not None), None),
        "id": [update.id for update in updates],
        "expected_version": sparse([update.expected_version for update in updates]),
        "session_id": [rights and rights.session_id for rights in held],
        "as_admin": sparse([(rights and rights.as_admin) or None for rights in held]),
        "title": sparse([_given(update.title) for update in updates]),
        "status": sparse([_given(update.status) for update in updates]),
        "tags": sparse([_as_literal(update.tags) for update in updates]),
    }
    if _describe(updates):
        given = [update.description for update in updates]
        arrays["sets_description"] = sparse([value is not UNSET or None for value in given])
        arrays["description"] = sparse([_given(value) for value in given])
    return arrays


def _given(value: Any) -> Any:
    return None if value is UNSET else value


def _as_literal(tags: Sequence[str] | UnsetType) -> str | None:
    return None if tags is UNSET else array_literal(tags)
