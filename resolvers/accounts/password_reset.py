"""The rules of a forgotten password: a token goes to the address of the account, and comes back.

Neither the response nor its time shows whether an address has an account: a token is created and a
mail composed for addresses without an account too; that mail is not sent.
"""

import msgspec

from db.accounts.mailed_token import DELETE_MAILED_TOKENS
from db.accounts.password_reset import (
    DELETE_PASSWORD_RESET,
    INSERT_PASSWORD_RESET,
    LOCK_USER_TO_RESET,
    SET_PASSWORD_HASH,
)
from db.accounts.session import DELETE_SESSIONS_OF_USER
from resolvers.accounts.account import account_key, check_password, normalised_email
from resolvers.accounts.mailed_token import EXPIRED, mail_with_token
from resolvers.context import Info
from weft.auth.sessions import digest, new_refresh_token
from weft.confidential import Confidential
from weft.problem import Problems, UserError, UserErrorCode
from weft.rates.address import CLIENT

RESET = (
    'mutation { resetPassword(input: {token: "{token}", newPassword: ""}) '
    "{ reset errors { message } } }"
)


class RequestPasswordReset(Confidential, frozen=True):
    """Whose password is forgotten, as a client says it."""

    email: str


class ResetPassword(Confidential, frozen=True):
    """A token out of a mail, and a new password, as a client says it."""

    token: str
    new_password: str


class RequestPasswordResetPayload(msgspec.Struct, frozen=True):
    """Whether the request was accepted; does not depend on who has the address."""

    accepted: bool
    errors: list[UserError] = []


class ResetPasswordPayload(msgspec.Struct, frozen=True):
    """Whether the password is the new one now."""

    reset: bool
    errors: list[UserError] = []


async def request_password_reset(
    info: Info, input: RequestPasswordReset
) -> RequestPasswordResetPayload:
    """Sends a mail with a token to the user of this address, if there is one.

    The answer is the same for every address.
    """
    services = info.context.services
    if services.attempts is not None:
        await services.attempts.reset(account_key(input.email), CLIENT.get())
    email = normalised_email(input.email)
    if email is None:
        error = UserError(UserErrorCode.INVALID, "This is no e-mail address.", ["email"])
        return RequestPasswordResetPayload(accepted=False, errors=[error])
    token, now = new_refresh_token(), services.now()
    async with services.database.write(None) as transaction:
        recipient = await transaction.first(
            INSERT_PASSWORD_RESET,
            digest=digest(token),
            email=email,
            now=now,
            expires_at=now + services.password_resets.lifetime,
        )
    to = (recipient and recipient.email) or ""
    mail = mail_with_token(
        services.password_resets, to, "Reset your password", RESET_PASSWORD, token
    )
    if to:
        services.post_mail(mail)
    return RequestPasswordResetPayload(accepted=True)


async def reset_password(info: Info, input: ResetPassword) -> ResetPasswordPayload:
    """Sets a new password by a token, which is good once, and ends all sessions of the user."""
    services, problems = info.context.services, Problems()
    if services.attempts is not None:
        await services.attempts.by_token(CLIENT.get())
    check_password(problems, input.new_password, "newPassword")
    if problems.errors:
        return ResetPasswordPayload(reset=False, errors=problems.errors)
    new_hash = await services.passwords.hash(input.new_password)
    token, now = digest(input.token), services.now()
    async with services.database.write(None) as transaction:
        await transaction.first(LOCK_USER_TO_RESET, digest=token)
        user_id = await transaction.first(DELETE_PASSWORD_RESET, digest=token, now=now)
        if user_id is None:
            return ResetPasswordPayload(reset=False, errors=[EXPIRED])
        await transaction.first(SET_PASSWORD_HASH, user_id=user_id, new_hash=new_hash, now=now)
        await transaction.all(DELETE_MAILED_TOKENS, user_id=user_id)
        await transaction.all(DELETE_SESSIONS_OF_USER, user_id=user_id)
    return ResetPasswordPayload(reset=True)


RESET_PASSWORD = """Somebody, we hope you, wants to set a new password for your account:

{}

This is good once, and for {}. If it was not you, do nothing.
"""
