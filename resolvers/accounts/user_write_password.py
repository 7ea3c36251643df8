"""The rules of changing one's own password."""

from db.accounts.mailed_token import DELETE_MAILED_TOKENS
from db.accounts.session import DELETE_OTHER_SESSIONS, UPDATE_PASSWORD_HASH
from resolvers.accounts.account import account_key, check_password
from resolvers.accounts.session import confirmed_hash
from resolvers.accounts.user_write import WRONG, UserPayload
from resolvers.context import Info
from weft.confidential import Confidential
from weft.mail.mail import Mail
from weft.problem import Problems, UserErrorCode
from weft.rates.address import CLIENT


class ChangePassword(Confidential, frozen=True):
    """The old password and the new one, as a client says it."""

    current_password: str
    new_password: str


async def change_password(info: Info, input: ChangePassword) -> UserPayload:
    """Changes the viewer's password, and ends all other sessions at once.

    Wrong passwords are counted as at signIn.
    """
    services, viewer, problems = info.context.services, info.context.viewer, Problems()
    if viewer.user_id is None:
        problems.add(UserErrorCode.FORBIDDEN, "Sign in to change your password.")
    check_password(problems, input.new_password, "newPassword")
    if viewer.user_id is None or problems.errors:
        return UserPayload(errors=problems.errors)
    user = await info.context.loaders.user_by_id.load(viewer.user_id)
    if user is None:
        return UserPayload(errors=[WRONG])
    old_hash = await confirmed_hash(services, user, input.current_password)
    if old_hash is None:
        return UserPayload(errors=[WRONG])
    if services.attempts is not None:
        await services.attempts.mail("password", [account_key(user.email)], CLIENT.get())
    new_hash = await services.passwords.hash(input.new_password)
    async with info.context.write() as transaction:
        changed = await transaction.first(
            UPDATE_PASSWORD_HASH, user_id=user.id, old_hash=old_hash, new_hash=new_hash
        )
        if changed is None:
            return UserPayload(errors=[WRONG])
        await transaction.all(DELETE_OTHER_SESSIONS, user_id=user.id, session_id=viewer.session_id)
        await transaction.all(DELETE_MAILED_TOKENS, user_id=user.id)
    services.post_mail(Mail(user.email, "Your password was changed", PASSWORD_CHANGED))
    return UserPayload(user)


PASSWORD_CHANGED = """Your password was changed, and all other sessions have ended.

If this was not you, reset your password at once.
"""
