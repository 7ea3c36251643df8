"""The mails whose tokens prove an e-mail address, and what is written when they are requested."""

from db.accounts.email_verification import REPLACE_EMAIL_VERIFICATION
from db.accounts.sign_up import INSERT_SIGN_UP
from resolvers.accounts.mailed_token import mail_with_token
from resolvers.context import Services
from weft.auth.sessions import digest, new_refresh_token
from weft.mail.mail import Mail
from weft.postgres.connection import WriteTransaction

VERIFY = 'mutation { verifyEmail(input: {token: "{token}"}) { verified errors { message } } }'


async def mail_to_verify(
    transaction: WriteTransaction,
    services: Services,
    user_id: int,
    *,
    email: str | None = None,
    password_hash: str | None = None,
) -> Mail | None:
    """A mail with the only good token of the user, to be posted once the transaction has committed.

    To `email`, or to the address that the user has. None if the user is suspended, or if
    `password_hash` is given and is no longer the user's.
    """
    token, tokens = new_refresh_token(), services.email_verifications
    sent = await transaction.first(
        REPLACE_EMAIL_VERIFICATION,
        user_id=user_id,
        digest=digest(token),
        email=email,
        password_hash=password_hash,
        expires_at=services.now() + tokens.lifetime,
    )
    subject = "Verify your e-mail address"
    return sent and mail_with_token(tokens, sent.email, subject, VERIFY_ADDRESS, token)


async def begin_sign_up(services: Services, name: str, email: str) -> None:
    """Mails the token that makes the account; or, to an address that has one, that it has one."""
    token, now, tokens = new_refresh_token(), services.now(), services.email_verifications
    async with services.database.write(None) as transaction:
        taken = await transaction.first(
            INSERT_SIGN_UP,
            digest=digest(token),
            name=name,
            email=email,
            now=now,
            expires_at=now + tokens.lifetime,
        )
    mails = (
        mail_with_token(tokens, email, "Finish signing up", FINISH_SIGN_UP, token),
        Mail(email, "You have an account already", HAS_ACCOUNT),
    )
    services.post_mail(mails[bool(taken)])


VERIFY_ADDRESS = """An account is to have this e-mail address. If it is yours, confirm by:

{}

This is good once, and for {}. If you did not ask for it, do nothing.
"""

FINISH_SIGN_UP = """You are about to have an account with this e-mail address. Finish signing up by:

{}

This is good once, and for {}. If you did not sign up, do nothing.
"""

HAS_ACCOUNT = """This e-mail address was given to sign up, but it has an account already.

Sign in, or reset your password if you have forgotten it. If you did not sign up, do nothing.
"""
