"""The rules of changing one's own account."""

import msgspec
from msgspec import UNSET, UnsetType

from db.connection import Duplicate
from db.user import UPDATE_USER, UserRow
from resolvers.account import checked_email, checked_name
from resolvers.context import Info
from resolvers.problem import Problems, UserError, UserErrorCode
from weft.confidential import Confidential
from weft.mail.mail import Mail


class UpdateProfile(Confidential, frozen=True):
    """Changes of the viewer's account, as a client says it; UNSET stays as it is."""

    name: str | UnsetType | None = UNSET
    email: str | UnsetType | None = UNSET


class UserPayload(msgspec.Struct, frozen=True):
    """The user as written, or why nothing was."""

    user: UserRow | None = None
    errors: list[UserError] = []


async def update_profile(info: Info, input: UpdateProfile) -> UserPayload:
    """Changes the viewer's name or e-mail address, all that is given or nothing."""
    user_id, problems = info.context.viewer.user_id, Problems()
    if user_id is None:
        problems.add(UserErrorCode.FORBIDDEN, "Sign in to change your profile.")
    for name in ("name", "email"):
        if getattr(input, name) is None:
            problems.invalid(f"{name} can be left out, but not null.", name)
    name = checked_name(problems, input.name) if isinstance(input.name, str) else None
    email = checked_email(problems, input.email) if isinstance(input.email, str) else None
    if user_id is None or problems.errors:
        return UserPayload(errors=problems.errors)
    try:
        before = await info.context.loaders.user_by_id.load(user_id)
        async with info.context.write() as transaction:
            row = await transaction.first(UPDATE_USER, key=user_id, new_name=name, new_email=email)
    except Duplicate:
        taken = "This e-mail address has an account already."
        return UserPayload(errors=[UserError(UserErrorCode.TAKEN, taken, ["email"])])
    if email is not None and before is not None and before.email != email:
        mail = Mail(before.email, "Your e-mail address was changed", EMAIL_CHANGED)
        info.context.services.post_mail(mail)
    return UserPayload(row)


EMAIL_CHANGED = """The e-mail address of your account was changed: this one is no more yours there.

If this was not you, tell those who run the service at once.
"""
