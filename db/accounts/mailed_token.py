"""All tokens that were mailed for an account, of whatever kind."""

import sqlalchemy as sa

from db.accounts.email_verification import email_verification_table
from db.accounts.password_reset import password_reset_table
from weft.postgres.statement import Statement

_v, _r = email_verification_table.c, password_reset_table.c
_user_id = sa.bindparam("user_id", type_=sa.BigInteger)

DELETE_MAILED_TOKENS = Statement(
    sa.delete(email_verification_table)
    .where(_v.user_id == _user_id)
    .add_cte(sa.delete(password_reset_table).where(_r.user_id == _user_id).cte("resets"))
    .returning(_v.user_id),
    int,
)
"""Deletes every token that was mailed for the user, whose row is to be locked before."""
