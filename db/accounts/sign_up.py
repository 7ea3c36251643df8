"""Accounts that will exist once the token that was mailed to their address comes back."""

import sqlalchemy as sa

from db.accounts.user import user_table
from weft.confidential import Confidential
from weft.postgres.metadata import metadata
from weft.postgres.statement import Statement
from weft.postgres.times import times_check

_TIME = sa.DateTime(timezone=True)

sign_up_table = sa.Table(
    "sign_ups",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("expires_at", _TIME, nullable=False, index=True),
    times_check("expires_at"),
    comment="Accounts that will exist once their token comes back.",
)

_u, _s = user_table.c, sign_up_table.c
_digest = sa.bindparam("digest", type_=sa.LargeBinary)
_email = sa.bindparam("email", type_=sa.Text)
_now = sa.bindparam("now", type_=_TIME)


class SignUpRow(Confidential, frozen=True):
    """What the account will be."""

    name: str
    email: str


_expired = sa.select(_s.digest).where(_s.expires_at <= _now).with_for_update(skip_locked=True)

INSERT_SIGN_UP = Statement(
    sa.insert(sign_up_table)
    .values(
        digest=_digest,
        name=sa.bindparam("name", type_=sa.Text),
        email=_email,
        expires_at=sa.bindparam("expires_at", type_=_TIME),
    )
    .add_cte(
        sa.delete(sign_up_table)
        .where(_s.digest == sa.any_(_expired.scalar_subquery()))
        .cte("expired")
    )
    .returning(sa.exists().where(sa.func.lower(_u.email) == sa.func.lower(_email))),
    bool,
)
"""Whether an account has the address already. A row is written either way: the same work."""

DELETE_SIGN_UP = Statement(
    sa.delete(sign_up_table)
    .where(_s.digest == _digest, _s.expires_at > _now)
    .returning(_s.name, _s.email),
    SignUpRow,
)
"""No row if the token is unknown, used or expired."""
