"""What users change of their own accounts."""

from resolvers.accounts import user_write, user_write_password
from schema.accounts.user import User
from schema.mutation import Mutation
from schema.problem import UserError
from weft.declare.fields import Argument, column, mutation
from weft.declare.types import extends, given, input_type, output


@output(user_write.UserPayload)
class UserPayload:
    """What became of a user."""

    user: User | None = column("The user as it is now; null if there are errors.")
    errors: list[UserError] = column("Empty if all went well.")


@input_type(user_write.UpdateProfile)
class UpdateProfileInput:
    """What to change of the viewer's account; what is left out stays as it is."""

    name: str | None = given("The name that others see: 1 to 100 characters.")
    email: str | None = given(
        "A new e-mail address, which counts once verifyEmail has taken the token mailed to it."
    )
    current_password: str | None = given("The viewer's password; needed with email.")


@input_type(user_write_password.ChangePassword)
class ChangePasswordInput:
    """The viewer's old and new password."""

    current_password: str = given("The password as it is.")
    new_password: str = given("10 to 200 characters, and none of the most common passwords.")


@extends(Mutation)
class UserMutations:
    """What users change of their own accounts."""

    update_profile: UserPayload = mutation(
        user_write.update_profile,
        arguments={"input": Argument(UpdateProfileInput, "What to change.")},
    )
    change_password: UserPayload = mutation(
        user_write_password.change_password,
        arguments={"input": Argument(ChangePasswordInput, "The old and the new one.")},
    )
