"""Sessions and their refresh tokens: their tables, rows and statements.

A session that ends is deleted, with its tokens: what is not there is not valid.
"""

from datetime import datetime
from typing import Any, TypedDict

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from db.accounts.user import USER_COLUMNS, Role, UserRow, user_row, user_table
from weft.confidential import Confidential
from weft.postgres.metadata import metadata
from weft.postgres.pages import keys_of
from weft.postgres.statement import Statement
from weft.postgres.times import LATEST, times_check

_TIME = sa.DateTime(timezone=True)

session_table = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column(
        "user_id",
        sa.BigInteger,
        sa.ForeignKey("users.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("opened_at", _TIME, nullable=False),
    sa.Column("expires_at", _TIME, nullable=False, comment="when its newest token does"),
    times_check("opened_at", "expires_at"),
)

refresh_token_table = sa.Table(
    "refresh_tokens",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column(
        "session_id",
        sa.BigInteger,
        sa.ForeignKey("sessions.id", ondelete="CASCADE"),
        nullable=False,
    ),
    sa.Column("predecessor", sa.LargeBinary, comment="digest of the token it was given for"),
    sa.Column("expires_at", _TIME, nullable=False),
    sa.Column("used_at", _TIME, comment="its first use"),
    sa.Index("refresh_tokens_session_id_expires_at_index", "session_id", "expires_at"),
    times_check("expires_at", "used_at"),
)


class SessionRow(msgspec.Struct, frozen=True):
    """A live session, with its user's role as it is now, and whether the address is verified."""

    id: int
    user_id: int
    role: Role
    opened_at: datetime
    expires_at: datetime
    email_verified: bool = False


class SessionSide(TypedDict):
    """What a change of a session has, before and after."""

    user_id: int


class Credentials(Confidential, frozen=True):
    """A user, and the hash of the password; None if the user cannot sign in by password."""

    user: UserRow
    password_hash: str | None


_u, _s, _t = user_table.c, session_table.c, refresh_token_table.c

_now = sa.bindparam("now", type_=_TIME)
_expires_at = sa.bindparam("expires_at", type_=_TIME)
_digest = sa.bindparam("digest", type_=sa.LargeBinary)
_user_id = sa.bindparam("user_id", type_=sa.BigInteger)
_session_id = sa.bindparam("session_id", type_=sa.BigInteger)
_new_digest = sa.bindparam("new_digest", type_=sa.LargeBinary)


def _session_row(
    id: int,
    user_id: int,
    role: str,
    opened_at: datetime,
    expires_at: datetime,
    email_verified: bool,
) -> SessionRow:
    if opened_at >= LATEST or expires_at >= LATEST:
        raise ValueError
    return SessionRow(id, user_id, Role(role), opened_at, expires_at, email_verified)


def _placed_credentials(
    place: int, password_hash: str | None, *user: Any
) -> tuple[int, Credentials]:
    return place, Credentials(user_row(*user), password_hash)


def _id(id: int) -> int:
    return id


_SESSION_COLUMNS = (
    _s.id,
    _s.user_id,
    _u.role,
    _s.opened_at,
    _s.expires_at,
    _u.email_verified_at.is_not(None),
)

SESSIONS_BY_ID = Statement(
    sa.select(*_SESSION_COLUMNS)
    .join(user_table)
    .where(_s.id == sa.func.any(sa.bindparam("ids", type_=ARRAY(sa.BigInteger)))),
    _session_row,
)

_emails = keys_of(email=sa.Text())

CREDENTIALS_BY_EMAIL = Statement(
    sa.select(_emails.c.place, _u.password_hash, *USER_COLUMNS).join_from(
        _emails, user_table, sa.func.lower(_u.email) == sa.func.lower(_emails.c.email)
    ),
    _placed_credentials,
)
"""Each with the place of its e-mail address in `email`, from 1; whatever its case."""

INSERT_USER = Statement(
    insert(user_table)
    .values(
        name=sa.bindparam("name", type_=sa.Text),
        email=sa.bindparam("email", type_=sa.Text),
        password_hash=sa.bindparam("password_hash", type_=sa.Text),
        created_at=_now,
        email_verified_at=sa.bindparam("verified_at", type_=_TIME),
    )
    .on_conflict_do_nothing(index_elements=[sa.func.lower(_u.email)])
    .returning(*USER_COLUMNS),
    user_row,
)
"""No row if an account has the e-mail address already."""

UPDATE_PASSWORD_HASH = Statement(
    sa.update(user_table)
    .where(_u.id == _user_id, _u.password_hash == sa.bindparam("old_hash", type_=sa.Text))
    .values(password_hash=sa.bindparam("new_hash", type_=sa.Text))
    .returning(_u.id),
    _id,
)

_opened = (
    sa.insert(session_table)
    .from_select(
        ["user_id", "opened_at", "expires_at"],
        sa.select(_u.id, _now, _expires_at)
        .where(
            _u.id == _user_id,
            _u.password_hash.is_not_distinct_from(sa.bindparam("password_hash", type_=sa.Text)),
            _u.suspended_at.is_(None),
        )
        # Waits for a change of password that is under way; a sign-in that it overtakes is refused:
        # so no session is opened by the old password after the new one has ended all sessions,
        # and none of who is suspended.
        .with_for_update(read=True),
    )
    .returning(_s.id)
    .cte("opened")
)

INSERT_SESSION = Statement(
    sa.insert(refresh_token_table)
    .from_select(
        ["digest", "session_id", "expires_at"], sa.select(_new_digest, _opened.c.id, _expires_at)
    )
    .add_cte(
        sa.delete(session_table).where(_s.user_id == _user_id, _s.expires_at <= _now).cte("ended")
    )
    .returning(_t.session_id),
    _id,
)
"""Opens a session with its first token; no row if `password_hash` is no longer the
user's, or the user is suspended."""

LOCK_SESSION_BY_TOKEN = Statement(
    sa.select(*_SESSION_COLUMNS)
    .join(user_table)
    .where(
        _s.id == sa.select(_t.session_id).where(_t.digest == _digest).scalar_subquery(),
        _u.suspended_at.is_(None),
    )
    .with_for_update(of=session_table, key_share=True),
    _session_row,
)
"""The session of a token of any age; locked until the transaction ends."""

DELETE_SESSION = Statement(
    sa.delete(session_table).where(_s.id == _session_id).returning(_s.id), _id
)

DELETE_OTHER_SESSIONS = Statement(
    sa.delete(session_table).where(_s.user_id == _user_id, _s.id != _session_id).returning(_s.id),
    _id,
)

DELETE_SESSION_OF_USER = Statement(
    sa.delete(session_table).where(_s.id == _session_id, _s.user_id == _user_id).returning(_s.id),
    _id,
)

SESSIONS_LISTED = 100

_users = keys_of(user_id=sa.BigInteger())
_listed = (
    sa.select(_s.id)
    .where(_s.user_id == _users.c.user_id)
    .order_by(_s.id.desc())
    .limit(sa.literal_column(str(SESSIONS_LISTED)))
    .correlate(_users)
    .lateral("listed")
)

SESSIONS_BY_USER = Statement(
    sa.select(*_SESSION_COLUMNS)
    .select_from(_users.join(_listed, sa.true()))
    .join(session_table, _s.id == _listed.c.id)
    .join(user_table, _u.id == _s.user_id)
    .order_by(_s.id.desc()),
    _session_row,
)
"""The newest of each user, newest first, at most `SESSIONS_LISTED`, expired ones too."""

DELETE_SESSIONS_OF_USER = Statement(
    sa.delete(session_table).where(_s.user_id == _user_id).returning(_s.id), _id
)
