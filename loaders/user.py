"""Users by key, by page and by count."""

from collections.abc import Sequence

import msgspec

from db.connection import ReadConnection
from db.paging import gather, window_arrays
from db.user import COUNT_USERS, USER_PAGES, USERS_BY_ID, UserRow
from loaders.grouping import in_groups
from weft.pagination import Page, Window


class UserScope(msgspec.Struct, frozen=True):
    """Which users: those whose name matches `search`; None: all."""

    search: str | None = None


class UserPageKey(msgspec.Struct, frozen=True):
    """A page of users, in the order of their creation."""

    scope: UserScope
    window: Window


async def user_by_id(connection: ReadConnection, keys: Sequence[int]) -> list[UserRow | None]:
    """Users in key order; None where there is none."""
    found = {row.id: row for row in await connection.all(USERS_BY_ID, ids=keys)}
    return [found.get(key) for key in keys]


async def users_by_scope(
    connection: ReadConnection, keys: Sequence[UserPageKey]
) -> list[Page[UserRow]]:
    """Pages in key order: one statement for all keys of one direction, with or without a search."""

    async def pages(group: Sequence[UserPageKey]) -> list[Page[UserRow]]:
        searching, ascending = group[0].scope.search is not None, group[0].window.ascending
        found = await connection.all(
            USER_PAGES[searching, ascending],
            query=[key.scope.search for key in group],
            **window_arrays([key.window for key in group]),
        )
        rows = gather(len(group), found)
        return [Page(part, key.window, key.scope) for key, part in zip(group, rows, strict=True)]

    return await in_groups(
        keys, lambda key: (key.scope.search is not None, key.window.ascending), pages
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
