"""Where writing starts."""

import strawberry

from resolvers import item_write, session, user_write
from schema.item import CreateItemInput, DeleteItemInput, Item, UpdateItemInput
from schema.session import (
    RefreshSessionInput,
    SessionPayload,
    SignInInput,
    SignOutPayload,
    SignUpInput,
    UserError,
)
from schema.user import User
from weft.fields import Argument, column, mutation
from weft.types import given, input_type, output


@output(item_write.ItemPayload)
class ItemPayload:
    """What became of an item."""

    item: Item | None = column("The item as it is now; null if there are errors.")
    errors: list[UserError] = column("Empty if all went well.")


@output(item_write.DeleteItemPayload)
class DeleteItemPayload:
    """What became of an item that was to be deleted."""

    deleted_id: strawberry.ID | None = column("The ID it had; null if there are errors.")
    errors: list[UserError] = column("Empty if all went well.")


@output(user_write.UserPayload)
class UserPayload:
    """What became of a user."""

    user: User | None = column("The user as it is now; null if there are errors.")
    errors: list[UserError] = column("Empty if all went well.")


@input_type(user_write.UpdateProfile)
class UpdateProfileInput:
    """What to change of the viewer's account; what is left out stays as it is."""

    name: str | None = given("The name that others see: 1 to 100 characters.")
    email: str | None = given("An e-mail address that no other user has, whatever its case.")


@output()
class Mutation:
    """Where writing starts."""

    sign_up: SessionPayload = mutation(
        session.sign_up, arguments={"input": Argument(SignUpInput, "The new user.")}
    )
    sign_in: SessionPayload = mutation(
        session.sign_in, arguments={"input": Argument(SignInInput, "Who signs in.")}
    )
    refresh_session: SessionPayload = mutation(
        session.refresh_session,
        arguments={"input": Argument(RefreshSessionInput, "Which session goes on.")},
    )
    sign_out: SignOutPayload = mutation(
        session.sign_out,
        arguments={
            "everywhere": Argument(
                bool | None, "Whether every session of the viewer ends, on all devices.", False
            )
        },
    )
    create_item: ItemPayload = mutation(
        item_write.create_item, arguments={"input": Argument(CreateItemInput, "The new item.")}
    )
    update_item: ItemPayload = mutation(
        item_write.update_item,
        arguments={"input": Argument(UpdateItemInput, "Which item, and what to change of it.")},
    )
    delete_item: DeleteItemPayload = mutation(
        item_write.delete_item, arguments={"input": Argument(DeleteItemInput, "Which item.")}
    )
    update_profile: UserPayload = mutation(
        user_write.update_profile,
        arguments={"input": Argument(UpdateProfileInput, "What to change.")},
    )
