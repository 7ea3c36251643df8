"""A schema of the contract's shape with data in memory, so that only the executor costs CPU."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
import strawberry

from weft.declare.fields import Argument, column, derived, field, root
from weft.declare.identity import global_id
from weft.declare.info import Info
from weft.declare.pagination import Edge, Order, Page, PageArgs, take_page, window
from weft.declare.types import output


class UserRow(msgspec.Struct, frozen=True):
    """A user."""

    id: int
    name: str


class ItemRow(msgspec.Struct, frozen=True):
    """An item."""

    id: int
    title: str
    owner_id: int


USERS = [UserRow(key, f"User {key}") for key in range(200)]
ITEMS = [ItemRow(key, f"Item {key} of the catalogue", key * 7 % 200) for key in range(2000)]
BY_KEY = Order("key", lambda row: row.id, int)


def _page(rows: Sequence[object], page: PageArgs) -> Page[object]:
    return Page(rows[: page.size + 1], window(BY_KEY, page), None)


async def item(_info: Info, id: str) -> ItemRow:
    """One item."""
    return ITEMS[int(id)]


async def items(_info: Info, page: PageArgs) -> Page[object]:
    """All items."""
    return _page(ITEMS, page)


async def users(_info: Info, page: PageArgs) -> Page[object]:
    """All users."""
    return _page(USERS, page)


async def owners(rows: Sequence[ItemRow], _info: Info) -> list[UserRow]:
    """The owner of each item."""
    return [USERS[row.owner_id] for row in rows]


async def items_of(rows: Sequence[UserRow], _info: Info, page: PageArgs) -> list[Page[object]]:
    """The user's items."""
    return [_page(ITEMS[row.id : row.id + page.size + 1], page) for row in rows]


_PAGING = {
    "first": Argument(int | None, "How many."),
    "after": Argument(str | None, "From where."),
}


@output(Page)
class PageInfo:
    """Where a page lies."""

    has_next_page: bool = column("More after it.")
    end_cursor: str | None = column("Its end.")


@output(ItemRow)
class Item:
    """An item."""

    id: strawberry.ID = derived(global_id("Item"), "Its ID.")
    title: str = column("Its title.")
    owner: Annotated["User", strawberry.lazy("bench.execution_schema")] = field(owners)


@output(Edge)
class ItemEdge:
    """An item in a page."""

    node: Item = column("The item.")


@output(Page)
class ItemConnection:
    """A page of items."""

    edges: list[ItemEdge] = column("Its items.")
    page_info: PageInfo = column("Where it lies.")


@output(UserRow)
class User:
    """A user."""

    id: strawberry.ID = derived(global_id("User"), "Its ID.")
    name: str = column("Its name.")
    items: ItemConnection = field(items_of, arguments=_PAGING, prepare=take_page)


@output(Edge)
class UserEdge:
    """A user in a page."""

    node: User = column("The user.")


@output(Page)
class UserConnection:
    """A page of users."""

    edges: list[UserEdge] = column("Its users.")
    page_info: PageInfo = column("Where it lies.")


@output()
class Query:
    """Where reading begins."""

    item: Item = root(item, arguments={"id": Argument(strawberry.ID, "Which.")})
    items: ItemConnection = root(items, arguments=_PAGING, prepare=take_page)
    users: UserConnection = root(users, arguments=_PAGING, prepare=take_page)


OPERATIONS = {
    "Q1 one item": ("query Q1($id: ID!) { item(id: $id) { id title } }", {"id": "7"}),
    "Q2 50 items, owners": (
        "query Q2($after: String) { items(first: 50, after: $after) "
        "{ edges { node { id title owner { id name } } } pageInfo { hasNextPage endCursor } } }",
        {"after": None},
    ),
    "Q3 20 users, 10 items each": (
        "query Q3($after: String) { users(first: 20, after: $after) "
        "{ edges { node { id name items(first: 10) { edges { node { id title } } } } } } }",
        {"after": None},
    ),
}
