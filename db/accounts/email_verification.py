"""Tokens that prove the e-mail address of an account: stored by their digests, used once."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from db.accounts.user import USER_COLUMNS, user_row, user_table
from weft.confidential import Confidential
from weft.postgres.metadata import metadata
from weft.postgres.statement import Statement
from weft.postgres.times import times_check

_TIME = sa.DateTime(timezone=True)

email_verification_table = sa.Table(
    "email_verifications",
    metadata,
    sa.Column(
        "user_id", sa.BigInteger, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("email", sa.Text, nullable=False, comment="where the token was sent"),
    sa.Column("expires_at", _TIME, nullable=False),
    times_check("expires_at"),
)

_u, _v = user_table.c, email_verification_table.c
_digest = sa.bindparam("digest", type_=sa.LargeBinary)
_now = sa.bindparam("now", type_=_TIME)
_user_id = sa.bindparam("user_id", type_=sa.BigInteger)
_password_hash = sa.bindparam("password_hash", type_=sa.Text)


class SentTo(Confidential, frozen=True):
    """Where a token was sent."""

    email: str


_request = insert(email_verification_table).from_select(
    ["user_id", "digest", "email", "expires_at"],
    sa.select(
        _u.id,
        _digest,
        sa.func.coalesce(sa.bindparam("email", type_=sa.Text), _u.email),
        sa.bindparam("expires_at", type_=_TIME),
    )
    .where(
        _u.id == _user_id,
        _u.suspended_at.is_(None),
        sa.or_(_password_hash.is_(None), _u.password_hash == _password_hash),
    )
    # Always the user's row first: no deadlock, and a change of password that is under way is
    # waited for, so that no token outlives it.
    .with_for_update(key_share=True),
)

REPLACE_EMAIL_VERIFICATION = Statement(
    _request.on_conflict_do_update(
        index_elements=[_v.user_id],
        set_={name: _request.excluded[name] for name in ("digest", "email", "expires_at")},
    ).returning(_v.email),
    SentTo,
)
"""The only token of the user from now on; `email` None is the address that the account has.

Does not check whether another account has the address. No row for a suspended user, or if
`password_hash` is given and is no longer the user's.
"""

LOCK_USER_TO_VERIFY = Statement(
    sa.select(*USER_COLUMNS)
    .join(email_verification_table, _v.user_id == _u.id)
    .where(_v.digest == _digest, _v.expires_at > _now, _u.suspended_at.is_(None))
    .with_for_update(of=user_table, key_share=True),
    user_row,
)
"""The user of a token, as before; no row if the token is not good."""

DELETE_EMAIL_VERIFICATION = Statement(
    sa.delete(email_verification_table)
    .where(_v.digest == _digest, _v.expires_at > _now)
    .returning(_v.email),
    SentTo,
)
"""Uses the token up, whose user's row is locked; no row if it was used meanwhile."""
