"""Items as clients see them."""

from datetime import datetime

import strawberry

from db.item import ItemRow, ItemStatus
from resolvers import item as resolve
from resolvers import item_of_user as of_user
from schema.accounts.user import User
from schema.item_cache import ITEM_COUNT, ITEM_TOTAL, ITEMS_OF_USER
from schema.item_input import ITEM_ARGUMENTS, items_weight
from schema.node import Node
from schema.page import PAGE_ARGUMENTS, PageInfo
from schema.query import Query
from weft.declare.fields import Argument, column, derived, field, root
from weft.declare.identity import global_id
from weft.declare.pagination import PAGE_SIZE, Edge, Page, take_page
from weft.declare.types import extends, output
from weft.loading.reach import Reach


@output(ItemRow)
class Item(Node):
    """Something that a user owns."""

    id: strawberry.ID = derived(global_id("Item"), "Opaque, and unique among all objects.")
    title: str = column("One line.")
    description: str | None = column("Any text; null if there is none.")
    status: ItemStatus = column("Decides who sees the item.")
    tags: list[str] = column("In the order in which they were given; no tag twice.")
    owner: User = field(resolve.owner)
    version: int = column(
        "Counts the item's writes from 1; updateItem takes it as expectedVersion."
    )
    created_at: datetime = column("When the item was created.")
    updated_at: datetime = column("When the item was last written.")


@output(Edge)
class ItemEdge:
    """An item in a connection."""

    cursor: str = column("Hand it back as after or before to go on from here.")
    node: Item = column("The item.")


@output(Page)
class ItemConnection:
    """A page of items."""

    edges: list[ItemEdge] = column("The items of this page with their cursors, in order.")
    nodes: list[Item] = column("The items of this page, in order.")
    page_info: PageInfo = column("Where this page lies.")
    total_count: int = field(resolve.total_count, cache=ITEM_TOTAL, weight=Reach.PARENT.weight)


@extends(User)
class ItemsOfUser:
    """What a user owns."""

    items: ItemConnection = field(
        of_user.items,
        arguments={**PAGE_ARGUMENTS, **ITEM_ARGUMENTS},
        prepare=take_page,
        size=PAGE_SIZE,
        weight=items_weight(of_owner=True),
        cache=ITEMS_OF_USER,
    )
    item_count: int = field(of_user.item_count, cache=ITEM_COUNT)


@extends(Query)
class ItemQueries:
    """Items."""

    item: Item | None = root(
        resolve.item, arguments={"id": Argument(strawberry.ID, "The ID of an item.")}
    )
    items: ItemConnection = root(
        resolve.items,
        arguments={**PAGE_ARGUMENTS, **ITEM_ARGUMENTS},
        prepare=take_page,
        size=PAGE_SIZE,
        weight=items_weight(of_owner=False),
    )
