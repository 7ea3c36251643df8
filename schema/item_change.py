"""Changes of items as clients see them."""

import strawberry

from resolvers import item_change as resolve
from schema.item import Item
from schema.subscription import Subscription
from weft.changes.change import ChangeKind
from weft.declare.fields import Argument, column, derived, event, field
from weft.declare.identity import encode_id
from weft.declare.types import enumeration, extends, output

enumeration(
    ChangeKind,
    {
        "CREATED": "The item is new.",
        "UPDATED": "The item was written.",
        "DELETED": "The item is no more.",
    },
)


@output(resolve.ItemChangeRow)
class ItemChange:
    """A change of an item."""

    kind: ChangeKind = column("What happened.")
    id: strawberry.ID = derived(
        lambda change: encode_id("Item", change.key), "The item's ID, also when it is deleted."
    )
    item: Item | None = field(resolve.item)
    cursor: str = column(
        "Hand it back as itemChanged(after:) to go on from here, also after a lost connection."
    )


@extends(Subscription)
class ItemSubscriptions:
    """Changes of items."""

    item_changed: ItemChange = event(
        resolve.item_changed,
        arguments={
            "ids": Argument(list[strawberry.ID] | None, "Only these items.", most=resolve.MAX_IDS),
            "owner_id": Argument(
                strawberry.ID | None, "Only items that this user owns, or owned until the change."
            ),
            "after": Argument(
                str | None,
                "Go on after the change with this cursor; without it, with the next change.",
            ),
        },
        resume="after",
    )
