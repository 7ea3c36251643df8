"""Users of a database with a session each, and the rights that their writes need."""

from datetime import UTC, datetime, timedelta

import asyncpg

from db.accounts.rights import SessionRights

NOW = datetime(2030, 1, 1, tzinfo=UTC)
OWNERS = [SessionRights(id, False, lambda: NOW) for id in (1, 2, 3)]
ADMIN = SessionRights(4, True, lambda: NOW)
ENDED = [SessionRights(99, True, lambda: NOW), SessionRights(1, True, lambda: NOW)]
"""Rights of a session that no longer exists, and of an admin who has become a member since."""


async def open_sessions(connection: asyncpg.Connection) -> None:
    """Makes the existing users 1 to 3 members, adds 4 as an admin, and gives each a session."""
    await connection.execute("UPDATE users SET role = 'MEMBER'")
    await connection.execute(
        "INSERT INTO users (id, name, email, role) OVERRIDING SYSTEM VALUE "
        "VALUES (4, 'Admin', 'admin@weft.test', 'ADMIN')"
    )
    await connection.execute(
        "INSERT INTO sessions (id, user_id, opened_at, expires_at) OVERRIDING SYSTEM VALUE "
        "SELECT id, id, $1, $1 FROM users",
        NOW + timedelta(seconds=1),
    )
