"""Admins, who are made from outside the server: no mutation makes one."""

from datetime import UTC, datetime

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from db.accounts.user import USER_COLUMNS, Role, UserRow, user_row, user_table
from weft.postgres.statement import Statement

INSERT_ADMIN = Statement(
    insert(user_table)
    .values(
        name=sa.bindparam("name", type_=sa.Text),
        email=sa.bindparam("email", type_=sa.Text),
        role=sa.literal_column(f"'{Role.ADMIN}'"),
        password_hash=sa.bindparam("password_hash", type_=sa.Text),
        created_at=sa.bindparam("now", type_=sa.DateTime(timezone=True)),
        # The operator gave it.
        email_verified_at=sa.bindparam("now", type_=sa.DateTime(timezone=True)),
    )
    .on_conflict_do_nothing(index_elements=[sa.func.lower(user_table.c.email)])
    .returning(*USER_COLUMNS),
    user_row,
)
"""No row if an account has the e-mail address already."""


async def insert_admin(dsn: str, *, name: str, email: str, password_hash: str) -> UserRow | None:
    """The new admin; None if an account has the e-mail address already, in any case.

    `dsn` is as libpq takes it. The values must keep the rules of accounts: nothing here checks.
    """
    connection = await asyncpg.connect(dsn)
    try:
        parameters = {
            "name": name,
            "email": email,
            "password_hash": password_hash,
            "now": datetime.now(UTC),
        }
        record = await connection.fetchrow(INSERT_ADMIN.sql, *INSERT_ADMIN.arguments(parameters))
        return None if record is None else INSERT_ADMIN.row(*record)
    finally:
        await connection.close()
