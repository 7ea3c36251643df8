"""The statements that judge and rotate refresh tokens. Their table is in `db.accounts.session`."""

import sqlalchemy as sa

from db.accounts.session import refresh_token_table, session_table
from weft.auth.sessions import StoredToken
from weft.postgres.statement import Statement

_s, _t = session_table.c, refresh_token_table.c

_TIME = sa.DateTime(timezone=True)
_now = sa.bindparam("now", type_=_TIME)
_expires_at = sa.bindparam("expires_at", type_=_TIME)
_digest = sa.bindparam("digest", type_=sa.LargeBinary)
_session_id = sa.bindparam("session_id", type_=sa.BigInteger)
_new_digest = sa.bindparam("new_digest", type_=sa.LargeBinary)


def _id(id: int) -> int:
    return id


_successor = refresh_token_table.alias("successor")
_given_for_it = sa.and_(
    _successor.c.session_id == _t.session_id, _successor.c.predecessor == _t.digest
)

_recent = refresh_token_table.alias("recent")
_refreshed = refresh_token_table.alias("refreshed")
_refreshes = (
    sa.select(sa.func.count().label("number"), sa.func.min(_refreshed.c.used_at).label("first_at"))
    .select_from(
        sa.join(_recent, _refreshed, _refreshed.c.digest == _recent.c.predecessor),
    )
    .where(
        _recent.c.session_id == _t.session_id,
        # No token given since then expires earlier: of a long session's tokens, few are read.
        _recent.c.expires_at >= sa.bindparam("recent_expire_from", type_=_TIME),
        _refreshed.c.used_at > sa.bindparam("since", type_=_TIME),
    )
    .correlate(refresh_token_table)
    .lateral("refreshes")
)

REFRESH_TOKEN_BY_DIGEST = Statement(
    sa.select(
        _t.expires_at,
        _t.used_at,
        sa.exists().where(_given_for_it, _successor.c.used_at.is_not(None)),
        sa.select(sa.func.count()).select_from(_successor).where(_given_for_it).scalar_subquery(),
        _refreshes.c.number,
        _refreshes.c.first_at,
    )
    .select_from(refresh_token_table.join(_refreshes, sa.true()))
    .where(_t.digest == _digest),
    StoredToken,
)
"""A token, and how often its session was refreshed after `since`; tokens given since then expire at
`recent_expire_from` or later."""

ROTATE_REFRESH_TOKEN = Statement(
    sa.insert(refresh_token_table)
    .values(digest=_new_digest, session_id=_session_id, predecessor=_digest, expires_at=_expires_at)
    .add_cte(
        sa.update(refresh_token_table)
        .where(_t.digest == _digest, _t.used_at.is_(None))
        .values(used_at=_now)
        .cte("used"),
        sa.update(session_table)
        .where(_s.id == _session_id)
        .values(expires_at=_expires_at)
        .cte("extended"),
        sa.delete(refresh_token_table)
        .where(_t.session_id == _session_id, _t.expires_at <= _now)
        .cte("outlived"),
    )
    .returning(_t.session_id),
    _id,
)
"""Gives a token in place of another of a locked session, which it extends."""
