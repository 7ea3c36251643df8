"""Pages computed in the plainest way over rows in a list: the statements must give the same."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from db.item import ItemRow
from db.item_page import ORDER_COLUMNS, ItemOrderField, ItemScope
from weft.declare.pagination import Position, Window

RowT = TypeVar("RowT")


def item_place(field: ItemOrderField) -> Callable[[ItemRow], tuple[Any, int]]:
    """Returns the sort key of an order; titles compare by code point, as their bytes do."""
    column = ORDER_COLUMNS[field].key
    return lambda row: (getattr(row, column), row.id)


def in_scope(row: ItemRow, scope: ItemScope) -> bool:
    """Returns whether an item is in a scope; the search must use words that stemming keeps."""
    return (
        row.status in scope.statuses
        and scope.owner_id in (None, row.owner_id)
        and (scope.tags is None or scope.tags <= set(row.tags))
        and (scope.updated_after is None or row.updated_at > scope.updated_after)
        and (scope.search is None or _found(scope.search, words_of(row)))
    )


def words_of(row: ItemRow) -> list[str]:
    """Returns the words of title and description, in order."""
    return f"{row.title} {row.description or ''}".lower().split()


def _found(query: str, words: Sequence[str]) -> bool:
    """Returns whether all words of one side of an `or` match; a word with `-` must be absent."""
    return any(
        all((word[1:] not in words) if word.startswith("-") else word in words for word in side)
        for side in map(str.split, query.split(" or "))
    )


def page_of(
    rows: Iterable[RowT], place: Callable[[RowT], tuple[Any, int]], window: Window
) -> tuple[list[RowT], bool, bool]:
    """Returns the rows of a page, and whether there is a next and a previous page."""
    descending = window.order.descending
    connection = sorted(rows, key=place, reverse=descending)

    def follows(row: RowT, position: Position) -> bool:
        at = (position.value, position.key)
        return place(row) < at if descending else place(row) > at

    def precedes(row: RowT, position: Position) -> bool:
        at = (position.value, position.key)
        return place(row) > at if descending else place(row) < at

    after, before = window.after, window.before
    between = [
        row
        for row in connection
        if (after is None or follows(row, after)) and (before is None or precedes(row, before))
    ]
    start = max(0, len(between) - window.size) if window.backward else 0
    page = between[start : start + window.size]
    return (
        page,
        before is not None or start + len(page) < len(between),
        after is not None or start > 0,
    )
