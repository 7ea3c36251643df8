"""What admins do to users."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from db.accounts.user import USER_COLUMNS, user_row, user_table
from db.item import item_table
from weft.postgres.statement import Statement

_u, _i = user_table.c, item_table.c
_key = sa.bindparam("key", type_=sa.BigInteger)

LOCK_USERS = Statement(
    sa.select(*USER_COLUMNS)
    .where(_u.id == sa.func.any(sa.bindparam("ids", type_=ARRAY(sa.BigInteger))))
    .order_by(_u.id)
    .with_for_update(key_share=True),
    user_row,
)
"""In the order of their ids, so that nobody waits for one who waits for them."""

SET_ROLE = Statement(
    sa.update(user_table)
    .where(_u.id == _key)
    .values(role=sa.bindparam("role", type_=sa.Text))
    .returning(*USER_COLUMNS),
    user_row,
)

SET_SUSPENDED_AT = Statement(
    sa.update(user_table)
    .where(_u.id == _key)
    .values(suspended_at=sa.bindparam("suspended_at", type_=sa.DateTime(timezone=True)))
    .returning(*USER_COLUMNS),
    user_row,
)

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

DELETE_USER = Statement(sa.delete(user_table).where(_u.id == _key).returning(_u.id), int)
