"""The tokens of a session: how they are made, and how they reach the client."""

from datetime import datetime

import msgspec

from db.accounts.refresh_token import REFRESH_TOKEN_BY_DIGEST, ROTATE_REFRESH_TOKEN
from db.accounts.session import INSERT_SESSION, SessionRow
from db.accounts.user import UserRow
from resolvers.context import Info, Services, Viewer
from weft.auth.cookies import session_cookies
from weft.auth.sessions import REFRESHES_COUNTED_FOR, StoredToken, digest, new_refresh_token
from weft.confidential import Confidential
from weft.postgres.connection import WriteTransaction


class IssuedSession(Confidential, frozen=True):
    """A session's tokens, for its client alone; empty where cookies have them. Times are UTC."""

    id: int
    access_token: str
    refresh_token: str
    access_token_expires_at: datetime
    refresh_token_expires_at: datetime


async def open_session(
    transaction: WriteTransaction, services: Services, user: UserRow, password_hash: str | None
) -> IssuedSession | None:
    """A new session; None if the password hash is no longer the user's."""
    now, refresh_token = services.now(), new_refresh_token()
    expires_at = services.session_rules.expires_at(now, now)
    session_id = await transaction.first(
        INSERT_SESSION,
        user_id=user.id,
        password_hash=password_hash,
        now=now,
        new_digest=digest(refresh_token),
        expires_at=expires_at,
    )
    if session_id is None:
        return None
    access_token, access_expires_at = services.tokens.issue(str(user.id), session_id, now)
    return IssuedSession(session_id, access_token, refresh_token, access_expires_at, expires_at)


async def stored_token(
    transaction: WriteTransaction, services: Services, held: SessionRow, presented: bytes
) -> StoredToken | None:
    """A refresh token of a session whose row the transaction has locked; None if it is gone."""
    since = services.now() - REFRESHES_COUNTED_FOR
    return await transaction.first(
        REFRESH_TOKEN_BY_DIGEST,
        digest=presented,
        since=since,
        recent_expire_from=services.session_rules.expires_at(held.opened_at, since),
    )


async def rotate_session(
    transaction: WriteTransaction, services: Services, held: SessionRow, presented: bytes
) -> IssuedSession:
    """Fresh tokens of a session whose row the transaction has locked."""
    now, refresh_token = services.now(), new_refresh_token()
    expires_at = services.session_rules.expires_at(held.opened_at, now)
    await transaction.first(
        ROTATE_REFRESH_TOKEN,
        digest=presented,
        session_id=held.id,
        now=now,
        new_digest=digest(refresh_token),
        expires_at=expires_at,
    )
    access_token, access_expires_at = services.tokens.issue(str(held.user_id), held.id, now)
    return IssuedSession(held.id, access_token, refresh_token, access_expires_at, expires_at)


def handed_over(info: Info, user: UserRow, session: IssuedSession) -> IssuedSession:
    """What the answer has of a session, whose user is the viewer from now on.

    No tokens where the browser keeps them in cookies.
    """
    # So that the payload's viewer reads what is the viewer's own, and later fields go on as them.
    services = info.context.services
    expires_at = session.access_token_expires_at
    read_only = user.email_verified_at is None and services.account_rules.unverified_read_only
    info.context.viewer = Viewer(user.id, user.role, session.id, expires_at, read_only)
    if (cookies := session_cookies()) is None:
        return session
    seconds = int((session.refresh_token_expires_at - services.now()).total_seconds())
    cookies.keep(session.access_token, session.refresh_token, seconds)
    return msgspec.structs.replace(session, access_token="", refresh_token="")
