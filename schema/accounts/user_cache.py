"""How fields of users are cached."""

from collections.abc import Mapping
from typing import Any

from db.accounts.user import UserRow
from db.accounts.user_tag import ALL_USERS
from loaders.accounts.user import UserScope
from resolvers.accounts.user import USER_ORDER
from schema.cache import ONCE_MS, TTL_SECONDS, has_cursor, stored
from weft.cache.policy import CachePolicy, CacheScope
from weft.declare.pagination import Page, StoredPage, window


def _is_plain_user_page(arguments: Mapping[str, Any]) -> bool:
    return arguments.get("search") is None


def _user_page(stored: Any, _: Any, arguments: Mapping[str, Any]) -> Page[UserRow]:
    return Page.restored(stored, window(USER_ORDER, arguments["page"]))


USER_TOTAL = CachePolicy(
    ttl_seconds=TTL_SECONDS,
    once_ms=ONCE_MS,
    scope=CacheScope.PUBLIC,
    key=lambda page: page.scope,
    tags=lambda _scope, _: (ALL_USERS,),
    value_type=int,
)
USERS = CachePolicy(
    ttl_seconds=TTL_SECONDS,
    scope=CacheScope.PUBLIC,
    only_if=_is_plain_user_page,
    if_repeated=has_cursor,
    tags=lambda _, arguments: (ALL_USERS,),
    value_type=StoredPage[UserRow, UserScope],
    encode=stored,
    decode=_user_page,
)
