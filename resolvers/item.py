"""The rules of items: who sees which, and how pages of them are asked for."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NewType

from db.accounts.user import UserRow
from db.item import ItemRow, ItemStatus
from db.item_page import ORDER_COLUMNS, ItemOrderField, ItemScope, ItemSelection, page_reach
from loaders.item import ItemPageKey
from resolvers.context import Info, Viewer
from resolvers.item_input import MAX_TAG_LENGTH, MAX_TAGS, ItemFilter, ItemOrder
from resolvers.search import check_search
from weft.declare.identity import key_of
from weft.declare.ordering import OrderDirection
from weft.declare.pagination import Order, Page, PageArgs, Window, window
from weft.errors import BadArgument
from weft.loading.reach import Reach
from weft.postgres.text_search import Language
from weft.text import checked_text

CheckedFilter = NewType("CheckedFilter", ItemFilter)
"""A filter whose text may be searched for."""
UNFILTERED = CheckedFilter(ItemFilter())

PUBLIC_STATUSES = frozenset({ItemStatus.PUBLISHED})
ALL_STATUSES = frozenset(ItemStatus)


def _order(field: ItemOrderField, direction: OrderDirection) -> Order:
    column = ORDER_COLUMNS[field].key
    return Order(
        f"items:{field}",
        lambda row: getattr(row, column),
        str if field is ItemOrderField.TITLE else datetime,
        direction is OrderDirection.DESC,
    )


ITEM_ORDERS = {
    (field, direction): _order(field, direction)
    for field in ItemOrderField
    for direction in OrderDirection
}


def sees(viewer: Viewer, row: ItemRow) -> bool:
    """Whether the viewer may know that the item exists."""
    return row.status == ItemStatus.PUBLISHED or viewer.sees_all_of(row.owner_id)


def visible_item(viewer: Viewer, row: ItemRow | None) -> ItemRow | None:
    """The item; None where the viewer may not know of it, as for one that is not there."""
    return row if row is not None and sees(viewer, row) else None


async def item(info: Info, id: str) -> ItemRow | None:
    """The item with this ID; null if there is none that the viewer may see."""
    row = await info.context.loaders.item_by_id.load(key_of("Item", id))
    return visible_item(info.context.viewer, row)


async def items(
    info: Info, page: PageArgs, filter: ItemFilter | None = None, order_by: ItemOrder | None = None
) -> Page[ItemRow]:
    """PUBLISHED items; every item, for admins."""
    statuses = ALL_STATUSES if info.context.viewer.is_admin else PUBLIC_STATUSES
    scope = item_scope(statuses, await checked_filter(info, filter))
    return await info.context.loaders.items_by_scope.load(item_page(scope, page, order_by))


async def checked_filter(info: Info, filter: ItemFilter | None) -> CheckedFilter:
    """The filter, or one that leaves all; BadArgument if what it searches for is refused."""
    if filter is None:
        return UNFILTERED
    if filter.search is not None:
        await check_search(info, "filter.search", filter.search, Language.ENGLISH)
    return CheckedFilter(filter)


def items_reach(filter: ItemFilter | None, order_by: ItemOrder | None, *, of_owner: bool) -> Reach:
    """How far is read for a page of all items, or of one owner's."""
    filter = filter or ItemFilter()
    scope = ItemScope(
        ALL_STATUSES,
        0 if of_owner or filter.owner_id is not None else None,
        frozenset(filter.tags) if filter.tags else None,
        _searched(filter),
        filter.updated_after,
    )
    return page_reach(ItemSelection(scope, (order_by or ItemOrder()).field))


def item_page(scope: ItemScope, page: PageArgs, order_by: ItemOrder | None) -> ItemPageKey:
    """The loader's key of a page."""
    field = ItemOrder().field if order_by is None else order_by.field
    return ItemPageKey(scope, field, item_window(page, order_by))


def item_window(page: PageArgs, order_by: ItemOrder | None) -> Window:
    """Which part of all items a page is of."""
    order = order_by or ItemOrder()
    return window(ITEM_ORDERS[order.field, order.direction], page)


def item_scope(
    visible: frozenset[ItemStatus], filter: CheckedFilter, owner_id: int | None = None
) -> ItemScope:
    """What a filter leaves of the visible items; of one owner's, if `owner_id` is given."""
    is_of_known_owner = owner_id is not None
    if filter.owner_id is not None:
        filtered_owner = key_of("User", filter.owner_id)
        if owner_id is not None and filtered_owner != owner_id:
            visible, is_of_known_owner = frozenset(), False
        owner_id = filtered_owner
    return ItemScope(
        visible if filter.status is None else visible & frozenset(filter.status),
        owner_id,
        _filter_tags(filter.tags),
        _searched(filter),
        _in_utc(filter.updated_after),
        is_of_known_owner,
    )


def _searched(filter: ItemFilter) -> str | None:
    return filter.search if filter.search and filter.search.strip() else None


def _filter_tags(tags: list[str] | None) -> frozenset[str] | None:
    if not tags:
        return None
    if len(tags) > MAX_TAGS:
        raise BadArgument(f"filter.tags must have at most {MAX_TAGS} tags.")
    for tag in tags:
        checked_text("filter.tags", tag, max_length=MAX_TAG_LENGTH)
    return frozenset(tags)


def _in_utc(time: datetime | None) -> datetime | None:
    if time is None:
        return None
    try:
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError:
        raise BadArgument("filter.updatedAfter must be from year 1 to 9999 in UTC.") from None


async def owner(items: Sequence[ItemRow], info: Info) -> Sequence[UserRow | None]:
    """Who owns the item."""
    return await info.context.loaders.user_by_id.load_many([row.owner_id for row in items])


async def total_count(pages: Sequence[Page[ItemRow]], info: Info) -> Sequence[int]:
    """How many items the connection has in all its pages. Counted only when asked for."""
    scopes: list[Any] = [page.scope for page in pages]
    return await info.context.loaders.item_count_by_scope.load_many(scopes)
