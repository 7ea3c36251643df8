"""What a write rests on: a live session, and the role of its user."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from db.accounts.session import session_table
from db.accounts.user import Role, user_table
from weft.errors import Forbidden, Unauthenticated
from weft.postgres.connection import WriteTransaction
from weft.postgres.statement import Statement

SESSION_ENDED = "The session has ended."

_s, _u = session_table.c, user_table.c


class SessionRights(msgspec.Struct, frozen=True):
    """`weft.postgres.connection.Rights`: a session that is alive, and an admin's if `as_admin`.

    `now` is the clock of that, in UTC.
    """

    session_id: int
    as_admin: bool
    now: Callable[[], datetime]

    async def check(self, transaction: WriteTransaction, /, *, lock: bool) -> None:
        """Raises Unauthenticated or Forbidden if it is not, or not any longer."""
        statement = LOCK_LIVE_SESSION if lock else ROLE_OF_LIVE_SESSION
        role = await transaction.first(statement, session_id=self.session_id, now=self.now())
        if role is None:
            raise Unauthenticated(SESSION_ENDED)
        if self.as_admin and role is not Role.ADMIN:
            raise Forbidden("You are not an admin any longer: send the operation again.")


def is_live(session_id: Any) -> sa.ColumnElement[bool]:
    """Whether `sessions` and `users` are at the rows of this session, and it may write.

    Takes the parameter `now`.
    """
    now = sa.bindparam("now", type_=sa.DateTime(timezone=True))
    return sa.and_(
        _s.id == session_id,
        _s.expires_at > now,
        _u.id == _s.user_id,
        _u.suspended_at.is_(None),
    )


IS_ADMIN = _u.role == sa.literal_column(f"'{Role.ADMIN}'")

_role = sa.select(_u.role).where(is_live(sa.bindparam("session_id", type_=sa.BigInteger)))

ROLE_OF_LIVE_SESSION = Statement(_role, Role)
"""No row if the session has ended or expired, or its user is suspended or gone."""

LOCK_LIVE_SESSION = Statement(
    _role.with_for_update(of=[user_table, session_table], key_share=True), Role
)
"""The same, with locks: no other transaction ends a session of this user until this one ends.

The user's row comes first, as wherever both are locked.
"""
