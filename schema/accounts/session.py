"""Sessions as clients see them, and what opens and ends them."""

from datetime import datetime

from resolvers.accounts import session as resolve
from schema.accounts.user import User
from schema.mutation import Mutation
from schema.problem import UserError
from weft.declare.fields import Argument, column, mutation
from weft.declare.types import extends, given, input_type, output


@output(resolve.IssuedSession)
class Session:
    """Tokens of a signed-in client."""

    access_token: str = column(
        "Send it as `Authorization: Bearer ...` with every request. Empty where a cookie has it."
    )
    refresh_token: str = column(
        "Keep it secret; it is good for one refreshSession. Empty where a cookie has it."
    )
    access_token_expires_at: datetime = column("When to refresh at the latest.")
    refresh_token_expires_at: datetime = column("When to sign in again at the latest.")


@output(resolve.SessionPayload)
class SessionPayload:
    """A new session, or why there is none."""

    session: Session | None = column(
        "The tokens; null if there are errors, and after a signUp that has to be verified."
    )
    viewer: User | None = column("The user who is signed in now; null where there is no session.")
    errors: list[UserError] = column("Empty if all went well.")


@output(resolve.SignOutPayload)
class SignOutPayload:
    """What signOut did."""

    signed_out: bool = column("Whether a session has ended.")
    errors: list[UserError] = column("Empty if all went well.")


@input_type(resolve.SignUp)
class SignUpInput:
    """A new user."""

    name: str = given("The name that others see: 1 to 100 characters.")
    email: str = given("An e-mail address that no user has, whatever its case.")
    password: str = given("10 to 200 characters, and none of the most common passwords.")


@input_type(resolve.SignIn)
class SignInInput:
    """Who signs in."""

    email: str = given("The e-mail address, whatever its case.")
    password: str = given("The password.")


@input_type(resolve.RefreshSession)
class RefreshSessionInput:
    """Which session goes on. An expired access token may not come along with it."""

    refresh_token: str = given(
        "The session's newest refresh token; empty for the one that a cookie has."
    )


@extends(Mutation)
class SessionMutations:
    """What opens and ends sessions."""

    sign_up: SessionPayload = mutation(
        resolve.sign_up, arguments={"input": Argument(SignUpInput, "The new user.")}
    )
    sign_in: SessionPayload = mutation(
        resolve.sign_in, arguments={"input": Argument(SignInInput, "Who signs in.")}
    )
    refresh_session: SessionPayload = mutation(
        resolve.refresh_session,
        arguments={"input": Argument(RefreshSessionInput, "Which session goes on.")},
    )
    sign_out: SignOutPayload = mutation(
        resolve.sign_out,
        arguments={
            "everywhere": Argument(
                bool | None, "Whether every session of the viewer ends, on all devices.", False
            )
        },
    )
