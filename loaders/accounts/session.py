"""Sessions by key, and credentials by e-mail address."""

from collections import defaultdict
from collections.abc import Sequence

from db.accounts.session import (
    CREDENTIALS_BY_EMAIL,
    SESSIONS_BY_ID,
    SESSIONS_BY_USER,
    Credentials,
    SessionRow,
)
from weft.errors import Unreadable
from weft.postgres.connection import ReadConnection


async def session_by_id(connection: ReadConnection, keys: Sequence[int]) -> list[SessionRow | None]:
    """Sessions in key order, with their users' roles as they are now; None for one that was ended.

    One that has expired may still be there: the caller compares the time. One that cannot be read
    is none; Unreadable if it is among others.
    """
    try:
        found = {row.id: row for row in await connection.all(SESSIONS_BY_ID, ids=keys)}
    except Unreadable:
        if len(keys) > 1:
            raise
        return [None]
    return [found.get(key) for key in keys]


async def sessions_by_user(
    connection: ReadConnection, keys: Sequence[int]
) -> list[list[SessionRow]]:
    """The newest sessions of each user in key order, newest first, at most 100 of each.

    Expired ones may be among them: the caller compares the time.
    """
    found: defaultdict[int, list[SessionRow]] = defaultdict(list)
    for row in await connection.all(SESSIONS_BY_USER, user_id=keys):
        found[row.user_id].append(row)
    return [found[key] for key in keys]


async def credentials_by_email(
    connection: ReadConnection, keys: Sequence[str]
) -> list[Credentials | None]:
    """Credentials in key order, whatever the case of the address; None where no user has it.

    A user who cannot be read has none; Unreadable if among others.
    """
    try:
        found = dict(await connection.all(CREDENTIALS_BY_EMAIL, email=keys))
    except Unreadable:
        if len(keys) > 1:
            raise
        return [None]
    return [found.get(place) for place in range(1, len(keys) + 1)]
