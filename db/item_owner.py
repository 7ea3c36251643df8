"""What becomes of the items of a user who is deleted."""

import sqlalchemy as sa

from db.item import item_table
from weft.postgres.statement import Statement

_i = item_table.c
_key = sa.bindparam("key", type_=sa.BigInteger)

_moved = (
    sa.update(item_table)
    .where(_i.owner_id == _key)
    .values(
        owner_id=sa.bindparam("new_owner_id", type_=sa.BigInteger),
        version=_i.version + sa.literal_column("1"),
        updated_at=sa.func.now(),
    )
    .returning(_i.id)
    .cte("moved")
)
_deleted = sa.delete(item_table).where(_i.owner_id == _key).returning(_i.id).cte("deleted")

MOVE_ITEMS = Statement(sa.select(sa.func.count()).select_from(_moved), int)
"""How many items got another owner; each is a write of its own to who watches it."""

DELETE_ITEMS_OF_OWNER = Statement(sa.select(sa.func.count()).select_from(_deleted), int)
"""How many items there were."""
