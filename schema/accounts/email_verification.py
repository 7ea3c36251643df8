"""How an e-mail address is verified."""

from resolvers.accounts import email_verification as resolve
from schema.accounts.session import Session
from schema.accounts.user import User
from schema.mutation import Mutation
from schema.problem import UserError
from weft.declare.fields import Argument, column, mutation
from weft.declare.types import extends, given, input_type, output


@output(resolve.VerifyEmailPayload)
class VerifyEmailPayload:
    """What became of an e-mail address that was to be verified."""

    verified: bool = column("Whether the account has the address now, and has proven it.")
    session: Session | None = column("The tokens, if the account is new; else null.")
    viewer: User | None = column("The user, if it is the one who is signed in now; else null.")
    errors: list[UserError] = column("Empty if all went well.")


@output(resolve.RequestEmailVerificationPayload)
class RequestEmailVerificationPayload:
    """What became of a request for a mail."""

    accepted: bool = column("Whether a mail is sent.")
    errors: list[UserError] = column("Empty if all went well.")


@input_type(resolve.VerifyEmail)
class VerifyEmailInput:
    """A token that proves an e-mail address."""

    token: str = given("The token of the mail; good once.")
    password: str | None = given(
        "For a new account (where SIGN_UP is verified): the password from now on, whatever signUp "
        "was given. Left out, the account has none until resetPassword."
    )


@extends(Mutation)
class EmailVerificationMutations:
    """How an e-mail address is verified."""

    verify_email: VerifyEmailPayload = mutation(
        resolve.verify_email,
        arguments={"input": Argument(VerifyEmailInput, "By which token.")},
    )
    request_email_verification: RequestEmailVerificationPayload = mutation(
        resolve.request_email_verification
    )
