"""Pages and counts of items: of one owner or of all, filtered, in every order."""

import enum
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from db.item import ITEM_COLUMNS, SEARCHED, ItemRow, ItemStatus, item_row, item_table
from weft.declare.pagination import Window
from weft.loading.reach import Reach
from weft.postgres.pages import (
    AnySelect,
    PageStatements,
    array_literal,
    in_order,
    keys_of,
    sparse,
    window_arrays,
    window_keys,
    within,
)
from weft.postgres.statement import Statement

_c = item_table.c


class ItemOrderField(enum.StrEnum):
    """What items can be ordered by; ties are broken by the order of creation."""

    CREATED_AT = "CREATED_AT"
    UPDATED_AT = "UPDATED_AT"
    TITLE = "TITLE"


_CREATED_AT = ItemOrderField.CREATED_AT
_PAGE = Reach.PAGE

ORDER_COLUMNS = {
    ItemOrderField.CREATED_AT: _c.created_at,
    ItemOrderField.UPDATED_AT: _c.updated_at,
    ItemOrderField.TITLE: _c.title,
}


class ItemScope(msgspec.Struct, frozen=True, cache_hash=True):
    """Which items: every condition that is given holds; `statuses` leaves what may be seen."""

    statuses: frozenset[ItemStatus]
    owner_id: int | None = None
    tags: frozenset[str] | None = None
    search: str | None = None
    updated_after: datetime | None = None
    is_of_known_owner: bool = False
    """Whether `owner_id` is a user's who was read, and not just what a client says."""


class Access(enum.Enum):
    """The condition by which items are found, by an index; the others are checked."""

    OWNER = "of one owner"
    SEARCH = "by full text"
    TAGS = "by tags"
    RECENT = "by the time of the last write"
    ALL = "by status alone"


def access_of(scope: ItemScope) -> Access:
    """How the items of a scope are found."""
    if scope.owner_id is not None:
        return Access.OWNER
    if scope.search is not None:
        return Access.SEARCH
    if scope.tags is not None:
        return Access.TAGS
    return Access.RECENT if scope.updated_after is not None else Access.ALL


_SCOPE_KEYS: dict[str, Any] = {
    "owner_id": sa.BigInteger(),
    "statuses": sa.Text(),
    "tags": sa.Text(),
    "query": sa.Text(),
    "updated_after": sa.DateTime(timezone=True),
}


def scope_arrays(scopes: Sequence[ItemScope]) -> dict[str, list[Any]]:
    """Scopes as the arrays that the statements here take."""
    return {
        "owner_id": sparse([scope.owner_id for scope in scopes]),
        "statuses": [_array_of_statuses(scope.statuses) for scope in scopes],
        "tags": sparse([None if s.tags is None else array_literal(sorted(s.tags)) for s in scopes]),
        "query": sparse([scope.search for scope in scopes]),
        "updated_after": sparse([scope.updated_after for scope in scopes]),
    }


@cache
def _array_of_statuses(statuses: frozenset[ItemStatus]) -> str:
    return array_literal(sorted(statuses))


class ItemSelection(msgspec.Struct, frozen=True):
    """The items of a scope, in the order of a field."""

    scope: ItemScope
    field: ItemOrderField


def page_reach(selection: ItemSelection) -> Reach:
    """How far the statement of a page reads."""
    scope, field = selection.scope, selection.field
    # Asked for every page: members of an enumeration take longer to look up than all the rest.
    if scope.search is None and scope.tags is None and scope.updated_after is None:
        return _PAGE if scope.owner_id is None or field is _CREATED_AT else Reach.PARENT
    if scope.owner_id is not None:
        return Reach.PARENT
    is_recent = access_of(scope) is Access.RECENT and field is ItemOrderField.UPDATED_AT
    return Reach.PAGE if is_recent else Reach.TABLE


def count_reach(scope: ItemScope) -> Reach:
    """How far the statement of a count reads."""
    return Reach.TABLE if scope.owner_id is None else Reach.PARENT


def page_arrays(scopes: Sequence[ItemScope], windows: Sequence[Window]) -> dict[str, list[Any]]:
    """Scopes and windows as the arrays that `ITEM_PAGES` take."""
    return scope_arrays(scopes) | window_arrays(windows)


def _as_array(text: sa.ColumnElement[str]) -> sa.ColumnElement[Any]:
    return sa.cast(text, ARRAY(sa.Text))


def _conditions(keys: sa.TableValuedAlias, access: Access) -> list[sa.ColumnElement[bool]]:
    """The conditions beside status: required where they choose the index, optional elsewhere."""
    searched = SEARCHED.op("@@")(
        sa.func.websearch_to_tsquery(sa.literal_column("'english'"), keys.c.query)
    )
    tagged = _c.tags.op("@>")(_as_array(keys.c.tags))
    recent = _c.updated_at > keys.c.updated_after
    checked = [
        sa.or_(keys.c.query.is_(None), searched),
        sa.or_(keys.c.tags.is_(None), tagged),
        sa.or_(keys.c.updated_after.is_(None), recent),
    ]
    match access:
        case Access.OWNER:
            return [_c.owner_id == keys.c.owner_id, *checked]
        case Access.SEARCH:
            return [searched, *checked[1:]]
        case Access.TAGS:
            return [tagged, checked[2]]
        case Access.RECENT:
            return [recent]
        case Access.ALL:
            return []


def _visible_statuses(keys: sa.TableValuedAlias) -> sa.TableValuedAlias:
    return (
        sa.func.unnest(_as_array(keys.c.statuses))
        .table_valued(sa.column("status", sa.Text))
        .render_derived(name="visible")
    )


def _page_of_all_statuses(
    matching: AnySelect, keys: sa.TableValuedAlias, order: list[Any]
) -> AnySelect:
    any_status = _c.status == sa.func.any(_as_array(keys.c.statuses))
    return matching.where(any_status).order_by(*order).limit(keys.c.row_limit)


def _page_merged_from_statuses(
    matching: AnySelect,
    keys: sa.TableValuedAlias,
    order: list[Any],
    value: str,
    ascending: bool,
) -> AnySelect:
    """The first of each status, in the order of its index, then the first of those.

    So a page costs its size, however many items of other statuses lie between.
    """
    status = _visible_statuses(keys)
    of_status = (
        matching.where(_c.status == status.c.status)
        .order_by(*order)
        .limit(keys.c.row_limit)
        .correlate(keys, status)
        .lateral("of_status")
    )
    return (
        sa.select(*of_status.c)
        .select_from(status.join(of_status, sa.true()))
        .order_by(*in_order([of_status.c[value], of_status.c.id], ascending))
        .limit(keys.c.row_limit)
    )


def _page(access: Access, field: ItemOrderField, ascending: bool) -> PageStatements[ItemRow]:
    value = ORDER_COLUMNS[field]
    keys = keys_of(**_SCOPE_KEYS, **window_keys(value.type))
    order = in_order([value, _c.id], ascending)

    def page(columns: Sequence[Any]) -> AnySelect:
        matching: AnySelect = sa.select(*columns).where(
            within(keys, value, _c.id), *_conditions(keys, access)
        )
        if access in (Access.SEARCH, Access.TAGS):
            return _page_of_all_statuses(matching, keys, order)
        return _page_merged_from_statuses(matching, keys, order, value.key, ascending)

    return PageStatements(keys, page, columns=ITEM_COLUMNS, ordered_by=(value, _c.id), row=item_row)


ITEM_PAGES = {
    (access, field, ascending): _page(access, field, ascending)
    for access in Access
    for field in ItemOrderField
    for ascending in (False, True)
}


def _count(access: Access) -> Statement[tuple[int, int]]:
    keys = keys_of(**_SCOPE_KEYS)
    counting = (
        sa.select(sa.func.count().label("found"))
        .select_from(item_table)
        .where(*_conditions(keys, access))
    )
    if access in (Access.SEARCH, Access.TAGS):
        any_status = _c.status == sa.func.any(_as_array(keys.c.statuses))
        counted = counting.where(any_status).scalar_subquery()
    else:
        counted = _sum_over_statuses(counting, keys)
    return Statement(
        sa.select(keys.c.place, counted), lambda place, count: (place, count), snapshot=True
    )


def _sum_over_statuses(counting: AnySelect, keys: sa.TableValuedAlias) -> sa.ScalarSelect[int]:
    """Counted one status after the other, each in its range of an index."""
    status = _visible_statuses(keys)
    of_status = (
        counting.where(_c.status == status.c.status).correlate(keys, status).lateral("of_status")
    )
    total = sa.func.coalesce(sa.func.sum(of_status.c.found), sa.literal_column("0"))
    return (
        sa.select(sa.cast(total, sa.BigInteger))
        .select_from(status.join(of_status, sa.true()))
        .scalar_subquery()
    )


COUNT_ITEMS = {access: _count(access) for access in Access}
