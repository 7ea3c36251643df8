"""Users by key, by page and by count."""

from collections.abc import Sequence
from typing import Any

import msgspec

from db.accounts.user import COUNT_USERS, KNOWN_USERS_BY_ID, USER_PAGES, UserRow
from weft.declare.pagination import Page, Window
from weft.loading.grouping import in_groups
from weft.loading.reach import Reach
from weft.postgres.confirmed_rows import fetch_pages, fetch_rows
from weft.postgres.connection import ReadConnection
from weft.postgres.pages import sparse, window_arrays


class UserScope(msgspec.Struct, frozen=True, cache_hash=True):
    """Which users: those whose name matches `search`; None: all."""

    search: str | None = None

    @property
    def reach(self) -> Reach:
        """How far is read for a page of them."""
        return Reach.PAGE if self.search is None else Reach.TABLE


class UserPageKey(msgspec.Struct, frozen=True, cache_hash=True):
    """A page of users, in the order of their creation."""

    scope: UserScope
    window: Window

    @property
    def reach(self) -> Reach:
        """How far is read for the page."""
        return self.scope.reach


async def user_by_id(connection: ReadConnection, keys: Sequence[int]) -> list[UserRow | None]:
    """Users in key order; None where there is none."""
    found = await fetch_rows(connection, KNOWN_USERS_BY_ID, keys)
    return [found.get(key) for key in keys]


async def users_by_scope(
    connection: ReadConnection, keys: Sequence[UserPageKey]
) -> list[Page[UserRow]]:
    """Pages in key order: one statement for all keys of one direction, with or without a search."""

    async def pages(group: Sequence[UserPageKey]) -> list[Page[UserRow]]:
        statements = USER_PAGES[group[0].scope.search is not None, group[0].window.ascending]
        return await fetch_pages(connection, statements, group, _page_arrays)

    return await in_groups(
        keys, lambda key: (key.scope.search is not None, key.window.ascending), pages
    )


def _page_arrays(keys: Sequence[UserPageKey]) -> dict[str, list[Any]]:
    return {"query": sparse([key.scope.search for key in keys])} | window_arrays(
        [key.window for key in keys]
    )


async def user_count_by_scope(connection: ReadConnection, keys: Sequence[UserScope]) -> list[int]:
    """The number of users in each scope, in key order."""

    async def counts(group: Sequence[UserScope]) -> list[int]:
        searching = group[0].search is not None
        found = await connection.all(
            COUNT_USERS[searching], query=[scope.search for scope in group]
        )
        return [count for _, count in sorted(found)]

    return await in_groups(keys, lambda scope: scope.search is not None, counts)
