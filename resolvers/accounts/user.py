"""The rules of users: what is seen of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from db.accounts.session import SessionRow
from db.accounts.user import UserRow
from loaders.accounts.user import UserPageKey, UserScope
from resolvers.context import Info
from resolvers.search import check_search
from weft.declare.fields import Guard
from weft.declare.identity import key_of
from weft.declare.pagination import Order, Page, PageArgs, window
from weft.loading.reach import Reach
from weft.postgres.text_search import Language

USER_ORDER = Order("users", lambda row: row.id, int)

SELF_OR_ADMIN = Guard(
    lambda users, info: [info.context.viewer.sees_all_of(user.id) for user in users],
    "Only the user and admins may read this.",
)


async def viewer(info: Info) -> UserRow | None:
    """The signed-in user, or null."""
    user_id = info.context.viewer.user_id
    return None if user_id is None else await info.context.loaders.user_by_id.load(user_id)


async def user(info: Info, id: str) -> UserRow | None:
    """The user with this ID, or null."""
    return await info.context.loaders.user_by_id.load(key_of("User", id))


async def users(info: Info, page: PageArgs, search: str | None = None) -> Page[UserRow]:
    """Every user, in the order of their creation."""
    if search is not None:
        await check_search(info, "search", search, Language.SIMPLE)
    key = UserPageKey(_user_scope(search), window(USER_ORDER, page))
    return await info.context.loaders.users_by_scope.load(key)


def users_reach(search: str | None) -> Reach:
    """How far is read for a page of users."""
    return _user_scope(search).reach


def _user_scope(search: str | None) -> UserScope:
    return UserScope(search if search and search.strip() else None)


def email(users: Sequence[UserRow], info: Info) -> list[str]:
    """For the user and for admins; null, with a FORBIDDEN error, for all others."""
    return [user.email for user in users]


def email_verified(users: Sequence[UserRow], info: Info) -> list[bool]:
    """Whether a token that was mailed to the address came back. For the user and for admins."""
    return [user.email_verified_at is not None for user in users]


def suspended_at(users: Sequence[UserRow], info: Info) -> list[datetime | None]:
    """Since when the user may not sign in; null for who may. For the user and for admins."""
    return [user.suspended_at for user in users]


async def sessions(users: Sequence[UserRow], info: Info) -> list[list[SessionRow]]:
    """Where the user is signed in, the newest first, at most 100. For the user and for admins."""
    now, keys = info.context.services.now(), [user.id for user in users]
    found = await info.context.loaders.sessions_by_user.load_many(keys)
    return [[row for row in rows if row.expires_at > now] for rows in found]


async def total_count(pages: Sequence[Page[UserRow]], info: Info) -> Sequence[int]:
    """How many users the connection has in all its pages. Counted only when asked for."""
    scopes: list[Any] = [page.scope for page in pages]
    return await info.context.loaders.user_count_by_scope.load_many(scopes)
