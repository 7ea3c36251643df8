"""How fields of items are cached: for how long, for whom, and which tags invalidate them."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from db.accounts.user import Role, UserRow
from db.item import ItemRow
from db.item_page import ItemScope
from db.item_tag import ALL_COUNTS, ALL_ITEMS, item_count_of, items_of
from resolvers.context import STRANGER, Viewer
from resolvers.item import item_window
from resolvers.item_input import ItemFilter
from schema.cache import ONCE_MS, TTL_SECONDS, has_cursor, stored
from weft.cache.policy import CachePolicy, CacheScope
from weft.declare.pagination import Page, StoredPage

ADMIN = Viewer(role=Role.ADMIN)


def _of_users(viewer: Viewer, users: Sequence[UserRow]) -> Viewer:
    """All admins see the same of lists, and so do all others, but for these users themselves."""
    if viewer.is_admin:
        return ADMIN
    return viewer if any(user.id == viewer.user_id for user in users) else STRANGER


def _tag_of_count(scope: ItemScope) -> str:
    """Counts by owner and status alone are left in peace by writes to other columns."""
    plain = scope.tags is None and scope.search is None and scope.updated_after is None
    if scope.owner_id is None:
        return ALL_COUNTS if plain else ALL_ITEMS
    return item_count_of(scope.owner_id) if plain else items_of(scope.owner_id)


def _is_plain_item_page(arguments: Mapping[str, Any]) -> bool:
    """Whether it is filtered by nothing but states."""
    filter: ItemFilter = arguments.get("filter") or ItemFilter()
    status = filter.status or []
    is_plain = msgspec.structs.replace(filter, status=None) == ItemFilter()
    return is_plain and len(status) == len(set(status))


def _is_kept(scope: ItemScope, total: int) -> bool:
    """Whether a count is worth keeping: not that of an owner who may not exist."""
    return total > 0 or scope.owner_id is None or scope.is_of_known_owner


def _item_page(stored: Any, _: Any, arguments: Mapping[str, Any]) -> Page[ItemRow]:
    return Page.restored(stored, item_window(arguments["page"], arguments.get("order_by")))


ITEM_COUNT = CachePolicy(
    ttl_seconds=TTL_SECONDS,
    scope=CacheScope.PUBLIC,
    tags=lambda user_id, _: (item_count_of(user_id),),
    value_type=int,
)
ITEM_TOTAL = CachePolicy(
    ttl_seconds=TTL_SECONDS,
    once_ms=ONCE_MS,
    scope=CacheScope.PUBLIC,
    key=lambda page: page.scope,
    tags=lambda scope, _: (_tag_of_count(scope),),
    keeps=_is_kept,
    value_type=int,
)
ITEMS_OF_USER = CachePolicy(
    ttl_seconds=TTL_SECONDS,
    seen_as=_of_users,
    only_if=_is_plain_item_page,
    if_repeated=has_cursor,
    tags=lambda user_id, _: (items_of(user_id),),
    keeps=lambda _, page: page.scope.is_of_known_owner,
    value_type=StoredPage[ItemRow, ItemScope],
    encode=stored,
    decode=_item_page,
)
