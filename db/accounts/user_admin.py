"""What admins do to users."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from db.accounts.user import USER_COLUMNS, user_row, user_table
from weft.postgres.statement import Statement

_u = user_table.c
_key = sa.bindparam("key", type_=sa.BigInteger)

LOCK_USERS = Statement(
    sa.select(*USER_COLUMNS)
    .where(_u.id == sa.func.any(sa.bindparam("ids", type_=ARRAY(sa.BigInteger))))
    .order_by(_u.id)
    .with_for_update(key_share=True),
    user_row,
)
"""Locked in order of id, so two such statements cannot deadlock."""

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

DELETE_USER = Statement(sa.delete(user_table).where(_u.id == _key).returning(_u.id), int)
