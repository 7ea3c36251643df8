"""Users: their table, rows and statements."""

import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR

from weft.confidential import Confidential
from weft.declare.remembered import Remembered
from weft.postgres.metadata import metadata
from weft.postgres.pages import AnySelect, PageStatements, in_order, keys_of, window_keys, within
from weft.postgres.row_version import RowStatements
from weft.postgres.statement import Statement
from weft.postgres.times import LATEST, times_check


class Role(enum.StrEnum):
    """What a user may do."""

    MEMBER = "MEMBER"
    ADMIN = "ADMIN"


class UserRow(Confidential, Remembered, frozen=True, dict=True):
    """A user as stored, without the password."""

    id: int
    name: str
    email: str
    role: Role
    created_at: datetime
    suspended_at: datetime | None = None
    email_verified_at: datetime | None = None


class UserSide(TypedDict):
    """What a change of a user has, before and after."""

    role: str


user_table = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False, server_default=Role.MEMBER),
    sa.Column("password_hash", sa.Text),
    sa.Column(
        "created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
    ),
    sa.Column(
        "search",
        TSVECTOR,
        sa.Computed("to_tsvector('simple', name)", persisted=True),
        nullable=False,
    ),
    sa.Column("suspended_at", sa.DateTime(timezone=True), comment="null for who may sign in"),
    sa.Column(
        "email_verified_at",
        sa.DateTime(timezone=True),
        comment="when a token that was mailed there came back",
    ),
    sa.CheckConstraint("role IN ('MEMBER', 'ADMIN')", name="role"),
    times_check("created_at", "suspended_at", "email_verified_at"),
)
sa.Index("users_email_key", sa.func.lower(user_table.c.email), unique=True)
sa.Index("users_search_index", user_table.c.search, postgresql_using="gin")

_c = user_table.c
USER_COLUMNS = (
    _c.id,
    _c.name,
    _c.email,
    _c.role,
    _c.created_at,
    _c.suspended_at,
    _c.email_verified_at,
)
_ROLES = {str(role): role for role in Role}


def user_row(
    id: int,
    name: str,
    email: str,
    role: str,
    created_at: datetime,
    suspended_at: datetime | None,
    email_verified_at: datetime | None,
) -> UserRow:
    """A row out of `USER_COLUMNS`; raises one of `unreadable.CANNOT_READ` if it cannot be."""
    if created_at >= LATEST or (suspended_at is not None and suspended_at >= LATEST):
        raise ValueError
    if email_verified_at is not None and email_verified_at >= LATEST:
        raise ValueError
    return UserRow(id, name, email, _ROLES[role], created_at, suspended_at, email_verified_at)


USERS_BY_ID = Statement(
    sa.select(*USER_COLUMNS).where(
        _c.id == sa.func.any(sa.bindparam("ids", type_=ARRAY(sa.BigInteger)))
    ),
    user_row,
)


KNOWN_USERS_BY_ID = RowStatements(USER_COLUMNS, user_row)


def _matches(keys: sa.TableValuedAlias) -> sa.ColumnElement[bool]:
    return _c.search.op("@@")(
        sa.func.websearch_to_tsquery(sa.literal_column("'simple'"), keys.c.query)
    )


def _page(*, searching: bool, ascending: bool) -> PageStatements[UserRow]:
    keys = keys_of(query=sa.Text(), **window_keys(sa.BigInteger()))

    def page(columns: Sequence[Any]) -> AnySelect:
        return (
            sa.select(*columns)
            .where(within(keys, _c.id, _c.id), _matches(keys) if searching else sa.true())
            .order_by(*in_order([_c.id], ascending))
            .limit(keys.c.row_limit)
        )

    return PageStatements(keys, page, columns=USER_COLUMNS, ordered_by=(_c.id,), row=user_row)


USER_PAGES = {
    (searching, ascending): _page(searching=searching, ascending=ascending)
    for searching in (False, True)
    for ascending in (False, True)
}


def _count(*, searching: bool) -> Statement[tuple[int, int]]:
    keys = keys_of(query=sa.Text())
    counted = (
        sa.select(sa.func.count())
        .select_from(user_table)
        .where(_matches(keys) if searching else sa.true())
        .scalar_subquery()
    )
    return Statement(
        sa.select(keys.c.place, counted), lambda place, count: (place, count), snapshot=True
    )


COUNT_USERS = {searching: _count(searching=searching) for searching in (False, True)}

UPDATE_USER = Statement(
    sa.update(user_table)
    .where(_c.id == sa.bindparam("key", type_=sa.BigInteger))
    .values(
        name=sa.func.coalesce(sa.bindparam("new_name", type_=sa.Text), _c.name),
        email=sa.func.coalesce(sa.bindparam("new_email", type_=sa.Text), _c.email),
        email_verified_at=sa.func.coalesce(
            sa.bindparam("verified_at", type_=sa.DateTime(timezone=True)), _c.email_verified_at
        ),
    )
    .returning(*USER_COLUMNS),
    user_row,
)
