"""The rules of users: what is seen of them, and their items."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from db.accounts.session import SessionRow
from db.accounts.user import UserRow
from db.item import MOST_COUNTED, ItemRow
from db.item_page import ItemScope
from loaders.accounts.user import UserPageKey, UserScope
from resolvers.context import Info
from resolvers.item import (
    ALL_STATUSES,
    PUBLIC_STATUSES,
    ItemFilter,
    ItemOrder,
    checked_filter,
    item_page,
    item_scope,
)
from resolvers.text import check_search
from weft.fields import Guard
from weft.identity import key_of
from weft.loading.reach import Reach
from weft.pagination import Order, Page, PageArgs, window
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
    """For the user and for admins; null, with a FORBIDDEN error, for everybody else."""
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


async def items(
    users: Sequence[UserRow],
    info: Info,
    page: PageArgs,
    filter: ItemFilter | None = None,
    order_by: ItemOrder | None = None,
) -> Sequence[Page[ItemRow]]:
    """PUBLISHED items only, unless the viewer is this user or an admin."""
    viewer, conditions = info.context.viewer, await checked_filter(info, filter)
    scopes = [
        item_scope(
            ALL_STATUSES if viewer.sees_all_of(user.id) else PUBLIC_STATUSES, conditions, user.id
        )
        for user in users
    ]
    keys = [item_page(scope, page, order_by) for scope in scopes]
    return await info.context.loaders.items_by_scope.load_many(keys)


async def item_count(users: Sequence[UserRow], info: Info) -> Sequence[int]:
    """PUBLISHED items of this user. Cached per user; right as soon as a mutation has answered."""
    loaders = info.context.loaders
    counts = await loaders.item_count_by_owner.load_many([user.id for user in users])
    many = [place for place, count in enumerate(counts) if count > MOST_COUNTED]
    if many:
        scopes = [ItemScope(PUBLIC_STATUSES, users[place].id) for place in many]
        counted = await loaders.item_count_by_scope.load_many(scopes)
        for place, count in zip(many, counted, strict=True):
            counts[place] = count
    return counts


async def total_count(pages: Sequence[Page[UserRow]], info: Info) -> Sequence[int]:
    """How many users the connection has in all its pages. Counted only when asked for."""
    scopes: list[Any] = [page.scope for page in pages]
    return await info.context.loaders.user_count_by_scope.load_many(scopes)
