"""Tokens that reset passwords: stored by their digests, used once."""

from typing import Any

import sqlalchemy as sa

from db.accounts.user import user_table
from weft.confidential import Confidential
from weft.postgres.metadata import metadata
from weft.postgres.statement import Statement
from weft.postgres.times import times_check

_TIME = sa.DateTime(timezone=True)

password_reset_table = sa.Table(
    "password_resets",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column(
        "user_id",
        sa.BigInteger,
        sa.ForeignKey("users.id", ondelete="CASCADE"),
        index=True,
        comment="null where nobody has the address that was given",
    ),
    sa.Column("email", sa.Text, comment="where the token was sent"),
    sa.Column("expires_at", _TIME, nullable=False, index=True),
    times_check("expires_at"),
)

_u, _r = user_table.c, password_reset_table.c
_digest = sa.bindparam("digest", type_=sa.LargeBinary)
_now = sa.bindparam("now", type_=_TIME)
_user_id = sa.bindparam("user_id", type_=sa.BigInteger)


class Recipient(Confidential, frozen=True):
    """Where to send a token: the address as stored; None if no account has it."""

    email: str | None


_given = sa.values(
    sa.column("digest", sa.LargeBinary), sa.column("expires_at", _TIME), name="given"
).data([(_digest, sa.bindparam("expires_at", type_=_TIME))])

_found: Any = sa.and_(
    sa.func.lower(_u.email) == sa.func.lower(sa.bindparam("email", type_=sa.Text)),
    _u.suspended_at.is_(None),
)

INSERT_PASSWORD_RESET = Statement(
    sa.insert(password_reset_table)
    .from_select(
        ["digest", "expires_at", "user_id", "email"],
        sa.select(_given.c.digest, _given.c.expires_at, _u.id, _u.email).select_from(
            _given.outerjoin(user_table, _found)
        ),
    )
    .add_cte(sa.delete(password_reset_table).where(_r.expires_at <= _now).cte("expired"))
    .returning(_r.email),
    Recipient,
)
"""Writes a row whether an account has the address or not, so that both take the same time."""

LOCK_USER_TO_RESET = Statement(
    sa.select(_u.id)
    .join(password_reset_table, _r.user_id == _u.id)
    .where(_r.digest == _digest)
    .with_for_update(of=user_table, key_share=True),
    int,
)
"""Always the user's row first: two tokens at once do not wait for each other."""

DELETE_PASSWORD_RESET = Statement(
    sa.delete(password_reset_table)
    .where(
        _r.digest == _digest,
        _r.expires_at > _now,
        _r.user_id == _u.id,
        _r.email == _u.email,
        _u.suspended_at.is_(None),
    )
    .returning(_r.user_id),
    int,
)
"""Whose token it was; no row if it is unknown, used or expired, or the address is another now."""

SET_PASSWORD_HASH = Statement(
    sa.update(user_table)
    .where(_u.id == _user_id)
    .values(
        password_hash=sa.bindparam("new_hash", type_=sa.Text),
        email_verified_at=sa.func.coalesce(_u.email_verified_at, _now),
    )
    .returning(_u.id),
    int,
)
"""Whatever the hash was. Its token was mailed to the address, which is proven by that."""
