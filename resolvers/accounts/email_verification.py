"""The rules of proving an e-mail address: a token goes there, and comes back.

Whether another account has the address is looked at only when the token comes back. So asking for
one tells nothing: the answer, the statements and the mail are the same.
"""

import msgspec

from db.accounts.email_verification import (
    DELETE_EMAIL_VERIFICATION,
    LOCK_USER_TO_VERIFY,
)
from db.accounts.session import INSERT_USER
from db.accounts.sign_up import DELETE_SIGN_UP
from db.accounts.user import UPDATE_USER, UserRow
from resolvers.accounts.account import account_key, check_password
from resolvers.accounts.email_verification_mail import mail_to_verify
from resolvers.accounts.mailed_token import EXPIRED
from resolvers.accounts.session_token import IssuedSession, handed_over, open_session
from resolvers.context import Info
from weft.auth.sessions import digest
from weft.confidential import Confidential
from weft.mail.mail import Mail
from weft.postgres.connection import Duplicate, WriteTransaction
from weft.problem import Problems, UserError, UserErrorCode
from weft.rates.address import CLIENT


class VerifyEmail(Confidential, frozen=True):
    """A token out of a mail, as a client says it; `password` is for a new account."""

    token: str
    password: str | None = None


class VerifyEmailPayload(msgspec.Struct, frozen=True):
    """Whether the address is the account's now; the session of an account that is new."""

    verified: bool
    session: IssuedSession | None = None
    viewer: UserRow | None = None
    errors: list[UserError] = []


class RequestEmailVerificationPayload(msgspec.Struct, frozen=True):
    """Whether a mail is sent, or why not."""

    accepted: bool
    errors: list[UserError] = []


async def verify_email(info: Info, input: VerifyEmail) -> VerifyEmailPayload:
    """Takes the token of a mail, good once: from now on the account has the address it was sent to.

    A token of signUp (where SIGN_UP is `verified`) makes the account and opens its session.
    EXPIRED also tells that another account has the address by now.
    """
    services, problems = info.context.services, Problems()
    if services.attempts is not None:
        await services.attempts.by_token(CLIENT.get())
    password_hash = None
    if input.password is not None:
        check_password(problems, input.password)
        if problems.errors:
            return VerifyEmailPayload(verified=False, errors=problems.errors)
        password_hash = await services.passwords.hash(input.password)
    token = {"digest": digest(input.token), "now": services.now()}
    session = None
    try:
        async with services.database.write(None) as transaction:
            before = await transaction.first(LOCK_USER_TO_VERIFY, **token)
            if before is not None:
                user = await _with_proven_address(transaction, before, **token)
            else:
                user = await _new_user(transaction, password_hash, **token)
                session = user and await open_session(transaction, services, user, password_hash)
    except Duplicate:
        user = before = None
    if user is None:
        return VerifyEmailPayload(verified=False, errors=[EXPIRED])
    if before is not None and before.email != user.email:
        services.post_mail(Mail(before.email, "Your e-mail address was changed", EMAIL_CHANGED))
    if session is not None:
        return VerifyEmailPayload(
            verified=True, session=handed_over(info, user, session), viewer=user
        )
    viewer = info.context.viewer
    if viewer.user_id != user.id:
        return VerifyEmailPayload(verified=True)
    info.context.viewer = msgspec.structs.replace(viewer, is_read_only=False)
    return VerifyEmailPayload(verified=True, viewer=user)


async def request_email_verification(info: Info) -> RequestEmailVerificationPayload:
    """Mails a token for verifyEmail to the viewer's address; older tokens are no longer good."""
    services, viewer = info.context.services, info.context.viewer
    user = viewer.user_id and await info.context.loaders.user_by_id.load(viewer.user_id)
    if not user:
        return _not_accepted(UserErrorCode.FORBIDDEN, "Sign in to verify your e-mail address.")
    if user.email_verified_at is not None:
        return _not_accepted(UserErrorCode.INVALID, "Your e-mail address is verified already.")
    if services.attempts is not None:
        await services.attempts.mail("verification", [account_key(user.email)], CLIENT.get())
    async with info.context.write() as transaction:
        mail = await mail_to_verify(transaction, services, user.id)
    if mail is not None:
        services.post_mail(mail)
    return RequestEmailVerificationPayload(accepted=True)


async def _with_proven_address(
    transaction: WriteTransaction, user: UserRow, **token: object
) -> UserRow | None:
    proven = await transaction.first(DELETE_EMAIL_VERIFICATION, **token)
    return proven and await transaction.first(
        UPDATE_USER, key=user.id, new_email=proven.email, verified_at=token["now"]
    )


async def _new_user(
    transaction: WriteTransaction, password_hash: str | None, **token: object
) -> UserRow | None:
    row = await transaction.first(DELETE_SIGN_UP, **token)
    return row and await transaction.first(
        INSERT_USER,
        name=row.name,
        email=row.email,
        password_hash=password_hash,
        now=token["now"],
        verified_at=token["now"],
    )


def _not_accepted(code: UserErrorCode, message: str) -> RequestEmailVerificationPayload:
    return RequestEmailVerificationPayload(accepted=False, errors=[UserError(code, message)])


EMAIL_CHANGED = """The e-mail address of your account was changed: it has another one now.

If this was not you, tell the operators of the service at once.
"""
