"""The rules of changing one's own account."""

import msgspec
from msgspec import UNSET, UnsetType

from db.accounts.user import UPDATE_USER, UserRow
from resolvers.accounts.account import account_key, checked_email, checked_name
from resolvers.accounts.email_verification_mail import mail_to_verify
from resolvers.accounts.session import confirmed_hash
from resolvers.context import Info
from weft.confidential import Confidential
from weft.problem import Problems, UserError, UserErrorCode
from weft.rates.address import CLIENT

WRONG = UserError(UserErrorCode.BAD_CREDENTIALS, "This is not your password.", ["currentPassword"])


class UpdateProfile(Confidential, frozen=True):
    """Changes of the viewer's account, as a client says it; UNSET stays as it is."""

    name: str | UnsetType | None = UNSET
    email: str | UnsetType | None = UNSET
    current_password: str | None = None


class UserPayload(msgspec.Struct, frozen=True):
    """The user as written, or why nothing was."""

    user: UserRow | None = None
    errors: list[UserError] = []


async def update_profile(info: Info, input: UpdateProfile) -> UserPayload:
    """Changes the viewer's name, and mails a token to a new e-mail address: all of it or nothing.

    The address counts once verifyEmail has taken the token. The answer is the same whether another
    account has the address or not. Wrong passwords are counted as at signIn.
    """
    services, user_id, problems = info.context.services, info.context.viewer.user_id, Problems()
    if user_id is None:
        problems.add(UserErrorCode.FORBIDDEN, "Sign in to change your profile.")
    name, email = _checked(problems, input)
    if user_id is None or problems.errors:
        return UserPayload(errors=problems.errors)
    password_hash = mail = None
    if email is not None:
        password_hash = await _confirmed(info, user_id, email, input.current_password or "")
        if password_hash is None:
            return UserPayload(errors=[WRONG])
    async with info.context.write() as transaction:
        if email is not None:
            mail = await mail_to_verify(
                transaction, services, user_id, email=email, password_hash=password_hash
            )
            if mail is None:
                return UserPayload(errors=[WRONG])
        row = await transaction.first(UPDATE_USER, key=user_id, new_name=name)
    if mail is not None:
        services.post_mail(mail)
    return UserPayload(row)


def _checked(problems: Problems, input: UpdateProfile) -> tuple[str | None, str | None]:
    """The name and the e-mail address to store; None for what stays as it is."""
    for name in ("name", "email"):
        if getattr(input, name) is None:
            problems.invalid(f"{name} can be left out, but not null.", name)
    name = checked_name(problems, input.name) if isinstance(input.name, str) else None
    email = checked_email(problems, input.email) if isinstance(input.email, str) else None
    if email is not None and not problems.errors and not input.current_password:
        problems.invalid("A new e-mail address takes your password.", "currentPassword")
    return name, email


async def _confirmed(info: Info, user_id: int, email: str, password: str) -> str | None:
    """The user's password hash, None if this is not the password; the mail is counted."""
    services = info.context.services
    user = await info.context.loaders.user_by_id.load(user_id)
    password_hash = user and await confirmed_hash(services, user, password)
    if user and password_hash and services.attempts is not None:
        accounts = [account_key(user.email), account_key(email)]
        await services.attempts.mail("verification", accounts, CLIENT.get())
    return password_hash
