"""Items by key, by page and by count."""

from collections.abc import Sequence
from typing import Any

from db.item import COUNT_ITEMS_BY_OWNER, KNOWN_ITEMS_BY_ID, ItemRow
from db.item_page import (
    COUNT_ITEMS,
    ITEM_PAGES,
    ItemScope,
    ItemSelection,
    access_of,
    page_arrays,
    scope_arrays,
)
from weft.declare.pagination import Page, Window
from weft.loading.grouping import in_groups
from weft.postgres.confirmed_rows import fetch_pages, fetch_rows
from weft.postgres.connection import ReadConnection


class ItemPageKey(ItemSelection, frozen=True, cache_hash=True):
    """A page of items: which, and which part of them; `window.order` is that of `field`."""

    window: Window


async def item_by_id(connection: ReadConnection, keys: Sequence[int]) -> list[ItemRow | None]:
    """Items in key order, without a check of visibility; None where there is none."""
    found = await fetch_rows(connection, KNOWN_ITEMS_BY_ID, keys)
    return [found.get(key) for key in keys]


async def items_by_scope(
    connection: ReadConnection, keys: Sequence[ItemPageKey]
) -> list[Page[ItemRow]]:
    """Pages in key order: one statement for all keys of one order, direction and access."""

    async def pages(group: Sequence[ItemPageKey]) -> list[Page[ItemRow]]:
        first = group[0]
        statements = ITEM_PAGES[access_of(first.scope), first.field, first.window.ascending]
        return await fetch_pages(connection, statements, group, _page_arrays)

    return await in_groups(
        keys, lambda key: (access_of(key.scope), key.field, key.window.ascending), pages
    )


def _page_arrays(keys: Sequence[ItemPageKey]) -> dict[str, list[Any]]:
    return page_arrays([key.scope for key in keys], [key.window for key in keys])


async def item_count_by_scope(connection: ReadConnection, keys: Sequence[ItemScope]) -> list[int]:
    """The number of items in each scope, in key order: one statement for all keys of one access."""

    async def counts(group: Sequence[ItemScope]) -> list[int]:
        found = await connection.all(COUNT_ITEMS[access_of(group[0])], **scope_arrays(group))
        return [count for _, count in sorted(found)]

    return await in_groups(keys, access_of, counts)


async def item_count_by_owner(connection: ReadConnection, keys: Sequence[int]) -> list[int]:
    """The number of PUBLISHED items of each owner, in key order; 0 for an unknown one.

    Counted up to `MOST_COUNTED` + 1: whatever is more, `item_count_by_scope` counts.
    """
    found = dict(await connection.all(COUNT_ITEMS_BY_OWNER, owner_id=keys))
    return [found[key] for key in keys]
