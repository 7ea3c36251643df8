"""Where writing starts."""

import strawberry

from db.accounts.user import Role
from resolvers import item_write
from resolvers.accounts import (
    active_session,
    email_verification,
    password_reset,
    session,
    user_write,
    user_write_admin,
    user_write_password,
)
from resolvers.accounts.verified import by_verified
from schema.accounts.session import (
    RefreshSessionInput,
    Session,
    SessionPayload,
    SignInInput,
    SignOutPayload,
    SignUpInput,
    UserError,
)
from schema.accounts.user import User
from schema.item import CreateItemInput, DeleteItemInput, Item, UpdateItemInput
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
    email: str | None = given(
        "A new e-mail address, which counts once verifyEmail has taken the token mailed to it."
    )
    current_password: str | None = given("The viewer's password; needed with email.")


@output(user_write_admin.DeleteUserPayload)
class DeleteUserPayload:
    """What became of a user who was to be deleted."""

    deleted_id: strawberry.ID | None = column("The ID the user had; null if there are errors.")
    errors: list[UserError] = column("Empty if all went well.")


@output(active_session.EndSessionPayload)
class EndSessionPayload:
    """What became of a session that was to end."""

    ended_id: strawberry.ID | None = column("The ID it had; null if there are errors.")
    errors: list[UserError] = column("Empty if all went well.")


@output(password_reset.RequestPasswordResetPayload)
class RequestPasswordResetPayload:
    """What became of a request for a mail."""

    accepted: bool = column("Whether a mail is sent, if anybody has the address.")
    errors: list[UserError] = column("Empty if all went well.")


@output(password_reset.ResetPasswordPayload)
class ResetPasswordPayload:
    """What became of a password that was to be reset."""

    reset: bool = column("Whether the new password is good now; sign in with it.")
    errors: list[UserError] = column("Empty if all went well.")


@output(email_verification.VerifyEmailPayload)
class VerifyEmailPayload:
    """What became of an e-mail address that was to be verified."""

    verified: bool = column("Whether the account has the address now, and has proven it.")
    session: Session | None = column("The tokens, if the account is new; else null.")
    viewer: User | None = column("The user, if it is the one who is signed in now; else null.")
    errors: list[UserError] = column("Empty if all went well.")


@output(email_verification.RequestEmailVerificationPayload)
class RequestEmailVerificationPayload:
    """What became of a request for a mail."""

    accepted: bool = column("Whether a mail is sent.")
    errors: list[UserError] = column("Empty if all went well.")


@input_type(email_verification.VerifyEmail)
class VerifyEmailInput:
    """A token that proves an e-mail address."""

    token: str = given("The token of the mail; good once.")
    password: str | None = given(
        "For a new account (where SIGN_UP is verified): the password from now on, whatever signUp "
        "was given. Left out, the account has none until resetPassword."
    )


@input_type(user_write_password.ChangePassword)
class ChangePasswordInput:
    """The viewer's old and new password."""

    current_password: str = given("The password as it is.")
    new_password: str = given("10 to 200 characters, and none of the most common passwords.")


@input_type(password_reset.RequestPasswordReset)
class RequestPasswordResetInput:
    """Whose password is forgotten."""

    email: str = given("The e-mail address of the account, whatever its case.")


@input_type(password_reset.ResetPassword)
class ResetPasswordInput:
    """A token, and the password to set."""

    token: str = given("The token of the mail; good once.")
    new_password: str = given("10 to 200 characters, and none of the most common passwords.")


@input_type(active_session.EndSession)
class EndSessionInput:
    """Which session to end."""

    id: strawberry.ID = given("One of User.sessions.")


@input_type(user_write_admin.SetRole)
class SetRoleInput:
    """Who may do what from now on."""

    id: strawberry.ID = given("The user; not the viewer.")
    role: Role = given("What the user may do.")


@input_type(user_write_admin.SuspendUser)
class SuspendUserInput:
    """Whom to suspend."""

    id: strawberry.ID = given("The user; not the viewer.")


@input_type(user_write_admin.RestoreUser)
class RestoreUserInput:
    """Whose suspension is over."""

    id: strawberry.ID = given("The user.")


@input_type(user_write_admin.DeleteUser)
class DeleteUserInput:
    """Whom to delete."""

    id: strawberry.ID = given("The user; not the viewer.")
    items_to: strawberry.ID | None = given(
        "The user who owns the items from then on; without one they are deleted."
    )


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
        by_verified(item_write.create_item),
        arguments={"input": Argument(CreateItemInput, "The new item.")},
    )
    update_item: ItemPayload = mutation(
        by_verified(item_write.update_item),
        arguments={"input": Argument(UpdateItemInput, "Which item, and what to change of it.")},
    )
    delete_item: DeleteItemPayload = mutation(
        by_verified(item_write.delete_item),
        arguments={"input": Argument(DeleteItemInput, "Which item.")},
    )
    update_profile: UserPayload = mutation(
        user_write.update_profile,
        arguments={"input": Argument(UpdateProfileInput, "What to change.")},
    )
    verify_email: VerifyEmailPayload = mutation(
        email_verification.verify_email,
        arguments={"input": Argument(VerifyEmailInput, "By which token.")},
    )
    request_email_verification: RequestEmailVerificationPayload = mutation(
        email_verification.request_email_verification
    )
    change_password: UserPayload = mutation(
        user_write_password.change_password,
        arguments={"input": Argument(ChangePasswordInput, "The old and the new one.")},
    )
    request_password_reset: RequestPasswordResetPayload = mutation(
        password_reset.request_password_reset,
        arguments={"input": Argument(RequestPasswordResetInput, "Whose password.")},
    )
    reset_password: ResetPasswordPayload = mutation(
        password_reset.reset_password,
        arguments={"input": Argument(ResetPasswordInput, "By which token, and to what.")},
    )
    end_session: EndSessionPayload = mutation(
        active_session.end_session,
        arguments={"input": Argument(EndSessionInput, "Which session.")},
    )
    set_role: UserPayload = mutation(
        by_verified(user_write_admin.set_role),
        arguments={"input": Argument(SetRoleInput, "Whose, and which.")},
    )
    suspend_user: UserPayload = mutation(
        by_verified(user_write_admin.suspend_user),
        arguments={"input": Argument(SuspendUserInput, "Whom.")},
    )
    restore_user: UserPayload = mutation(
        by_verified(user_write_admin.restore_user),
        arguments={"input": Argument(RestoreUserInput, "Whom.")},
    )
    delete_user: DeleteUserPayload = mutation(
        by_verified(user_write_admin.delete_user),
        arguments={"input": Argument(DeleteUserInput, "Whom, and what becomes of the items.")},
    )
