"""How a forgotten password is replaced."""

from resolvers.accounts import password_reset as resolve
from schema.mutation import Mutation
from schema.problem import UserError
from weft.declare.fields import Argument, column, mutation
from weft.declare.types import extends, given, input_type, output


@output(resolve.RequestPasswordResetPayload)
class RequestPasswordResetPayload:
    """What became of a request for a mail."""

    accepted: bool = column("Whether a mail is sent, if anybody has the address.")
    errors: list[UserError] = column("Empty if all went well.")


@output(resolve.ResetPasswordPayload)
class ResetPasswordPayload:
    """What became of a password that was to be reset."""

    reset: bool = column("Whether the new password is good now; sign in with it.")
    errors: list[UserError] = column("Empty if all went well.")


@input_type(resolve.RequestPasswordReset)
class RequestPasswordResetInput:
    """Whose password is forgotten."""

    email: str = given("The e-mail address of the account, whatever its case.")


@input_type(resolve.ResetPassword)
class ResetPasswordInput:
    """A token, and the password to set."""

    token: str = given("The token of the mail; good once.")
    new_password: str = given("10 to 200 characters, and none of the most common passwords.")


@extends(Mutation)
class PasswordResetMutations:
    """How a forgotten password is replaced."""

    request_password_reset: RequestPasswordResetPayload = mutation(
        resolve.request_password_reset,
        arguments={"input": Argument(RequestPasswordResetInput, "Whose password.")},
    )
    reset_password: ResetPasswordPayload = mutation(
        resolve.reset_password,
        arguments={"input": Argument(ResetPasswordInput, "By which token, and to what.")},
    )
