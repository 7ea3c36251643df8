"""Items as clients see them."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from db.item import ItemRow, ItemStatus
from db.item_page import ItemOrderField
from resolvers import item as resolve
from resolvers import item_input as values
from schema.cache import ITEM_TOTAL
from schema.node import Node
from schema.page import PageInfo
from weft.fields import Argument, column, derived, field
from weft.identity import global_id
from weft.loading.reach import Reach
from weft.ordering import OrderDirection
from weft.pagination import Edge, Page
from weft.types import enumeration, given, input_type, output
from weft.weight import Weight

if TYPE_CHECKING:
    from schema.accounts.user import User

enumeration(
    ItemStatus,
    {
        "DRAFT": "Not yet for others: seen by its owner and by admins only.",
        "PUBLISHED": "Seen by everybody.",
        "ARCHIVED": "No longer for others: seen by its owner and by admins only.",
    },
)
enumeration(
    ItemOrderField,
    {
        "CREATED_AT": "By the time of creation.",
        "UPDATED_AT": "By the time of the last write.",
        "TITLE": "By title, character by character: upper case before lower case.",
    },
)
enumeration(
    OrderDirection,
    {"ASC": "The least first: the oldest, or A.", "DESC": "The greatest first: the newest, or Z."},
)


@output(ItemRow)
class Item(Node):
    """Something that a user owns."""

    id: strawberry.ID = derived(global_id("Item"), "Opaque, and unique among all objects.")
    title: str = column("One line.")
    description: str | None = column("Any text; null if there is none.")
    status: ItemStatus = column("Decides who sees the item.")
    tags: list[str] = column("In the order in which they were given; no tag twice.")
    owner: Annotated["User", strawberry.lazy("schema.accounts.user")] = field(resolve.owner)
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


@input_type(values.ItemFilter)
class ItemFilter:
    """Which items to take; all conditions that are given hold together."""

    status: list[ItemStatus] | None = given("Only items of one of these states.")
    tags: list[str] | None = given("Only items that have all of these tags.")
    search: str | None = given(
        'Only items whose title or description has these words, in any form; "quotes" keep '
        "words together, or and - work as in a search engine, but there must be a word to find, "
        "also on each side of an or."
    )
    owner_id: strawberry.ID | None = given("Only items of this user.")
    updated_after: datetime | None = given("Only items written after this time.")


@input_type(values.ItemOrder)
class ItemOrder:
    """In which order to list items; ties are broken by the order of creation."""

    field: ItemOrderField = given("What to order by.", default=ItemOrderField.CREATED_AT)
    direction: OrderDirection = given("Which end comes first.", default=OrderDirection.ASC)


@input_type(values.CreateItem)
class CreateItemInput:
    """What a new item holds."""

    title: str = given("1 to 200 characters.")
    description: str | None = given("At most 10,000 characters.")
    status: ItemStatus | None = given("Decides who sees the item.", default=ItemStatus.DRAFT)
    tags: list[str] | None = given("At most 20, of 1 to 50 characters each.", default=[])


@input_type(values.UpdateItem)
class UpdateItemInput:
    """What to change of an item; what is left out stays as it is."""

    id: strawberry.ID = given("The item.")
    expected_version: int | None = given(
        "Write only if the item still has this version; otherwise CONFLICT, and nothing is written."
    )
    title: str | None = given("1 to 200 characters.")
    description: str | None = given("At most 10,000 characters; null removes it.")
    status: ItemStatus | None = given("Decides who sees the item.")
    tags: list[str] | None = given(
        "At most 20, of 1 to 50 characters each; they replace all that were there."
    )


@input_type(values.DeleteItem)
class DeleteItemInput:
    """Which item to delete."""

    id: strawberry.ID = given("The item.")
    expected_version: int | None = given(
        "Delete only if the item still has this version; otherwise CONFLICT, and it stays."
    )


ITEM_ARGUMENTS = {
    "filter": Argument(ItemFilter | None, "Which items to take; without it, all."),
    "order_by": Argument(ItemOrder | None, "In which order; without it, the oldest first."),
}


def items_weight(*, of_owner: bool) -> Weight:
    """What a field with `ITEM_ARGUMENTS` costs, of one owner or of all."""
    return Weight(
        ("filter", "orderBy"),
        lambda filter, order: resolve.items_reach(filter, order, of_owner=of_owner).weight,
    )
