"""What clients say of items."""

from datetime import datetime

import strawberry

from db.item import ItemStatus
from db.item_page import ItemOrderField
from resolvers import item_input as values
from resolvers.item import items_reach
from weft.declare.fields import Argument
from weft.declare.ordering import OrderDirection
from weft.declare.types import enumeration, given, input_type
from weft.declare.weight import Weight

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
        lambda filter, order: items_reach(filter, order, of_owner=of_owner).weight,
    )
