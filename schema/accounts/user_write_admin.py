"""What admins do to users."""

import strawberry

from db.accounts.user import Role
from resolvers.accounts import user_write_admin as resolve
from resolvers.accounts.verified import by_verified
from schema.accounts.user_write import UserPayload
from schema.mutation import Mutation
from schema.problem import UserError
from weft.declare.fields import Argument, column, mutation
from weft.declare.types import extends, given, input_type, output


@output(resolve.DeleteUserPayload)
class DeleteUserPayload:
    """What became of a user who was to be deleted."""

    deleted_id: strawberry.ID | None = column("The ID the user had; null if there are errors.")
    errors: list[UserError] = column("Empty if all went well.")


@input_type(resolve.SetRole)
class SetRoleInput:
    """Who may do what from now on."""

    id: strawberry.ID = given("The user; not the viewer.")
    role: Role = given("What the user may do.")


@input_type(resolve.SuspendUser)
class SuspendUserInput:
    """Whom to suspend."""

    id: strawberry.ID = given("The user; not the viewer.")


@input_type(resolve.RestoreUser)
class RestoreUserInput:
    """Whose suspension is over."""

    id: strawberry.ID = given("The user.")


@input_type(resolve.DeleteUser)
class DeleteUserInput:
    """Whom to delete."""

    id: strawberry.ID = given("The user; not the viewer.")
    items_to: strawberry.ID | None = given(
        "The user who owns the items from then on; without one they are deleted."
    )


@extends(Mutation)
class AdminMutations:
    """What admins do to users."""

    set_role: UserPayload = mutation(
        by_verified(resolve.set_role),
        arguments={"input": Argument(SetRoleInput, "Whose, and which.")},
    )
    suspend_user: UserPayload = mutation(
        by_verified(resolve.suspend_user),
        arguments={"input": Argument(SuspendUserInput, "Whom.")},
    )
    restore_user: UserPayload = mutation(
        by_verified(resolve.restore_user),
        arguments={"input": Argument(RestoreUserInput, "Whom.")},
    )
    delete_user: DeleteUserPayload = mutation(
        by_verified(resolve.delete_user),
        arguments={"input": Argument(DeleteUserInput, "Whom, and what becomes of the items.")},
    )
