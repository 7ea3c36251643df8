"""The rules of a user's items: who sees which, and how many there are."""

from collections.abc import Sequence

from db.accounts.user import UserRow
from db.item import MOST_COUNTED, ItemRow
from db.item_page import ItemScope
from resolvers.context import Info
from resolvers.item import (
    ALL_STATUSES,
    PUBLIC_STATUSES,
    checked_filter,
    item_page,
    item_scope,
)
from resolvers.item_input import ItemFilter, ItemOrder
from weft.declare.pagination import Page, PageArgs


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
