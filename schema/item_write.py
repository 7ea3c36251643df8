"""What writes items."""

import strawberry

from resolvers import item_write as resolve
from resolvers.accounts.verified import by_verified
from schema.item import Item
from schema.item_input import CreateItemInput, DeleteItemInput, UpdateItemInput
from schema.mutation import Mutation
from schema.problem import UserError
from weft.declare.fields import Argument, column, mutation
from weft.declare.types import extends, output


@output(resolve.ItemPayload)
class ItemPayload:
    """What became of an item."""

    item: Item | None = column("The item as it is now; null if there are errors.")
    errors: list[UserError] = column("Empty if all went well.")


@output(resolve.DeleteItemPayload)
class DeleteItemPayload:
    """What became of an item that was to be deleted."""

    deleted_id: strawberry.ID | None = column("The ID it had; null if there are errors.")
    errors: list[UserError] = column("Empty if all went well.")


@extends(Mutation)
class ItemMutations:
    """What writes items."""

    create_item: ItemPayload = mutation(
        by_verified(resolve.create_item),
        arguments={"input": Argument(CreateItemInput, "The new item.")},
    )
    update_item: ItemPayload = mutation(
        by_verified(resolve.update_item),
        arguments={"input": Argument(UpdateItemInput, "Which item, and what to change of it.")},
    )
    delete_item: DeleteItemPayload = mutation(
        by_verified(resolve.delete_item),
        arguments={"input": Argument(DeleteItemInput, "Which item.")},
    )
