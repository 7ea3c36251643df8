"""The rules of sessions: who may open one, what keeps it open, and what ends it."""

import msgspec
import structlog

from db.accounts.rights import SESSION_ENDED
from db.accounts.session import (
    DELETE_SESSION,
    DELETE_SESSIONS_OF_USER,
    INSERT_USER,
    LOCK_SESSION_BY_TOKEN,
    UPDATE_PASSWORD_HASH,
    Credentials,
)
from db.accounts.user import USERS_BY_ID, UserRow
from loaders.accounts.session import credentials_by_email, session_by_id
from resolvers.accounts.account import (
    MAX_PASSWORD_LENGTH,
    account_key,
    check_password,
    checked_email,
    checked_name,
    normalised_email,
)
from resolvers.accounts.email_verification_mail import begin_sign_up, mail_to_verify
from resolvers.accounts.session_token import (
    IssuedSession,
    handed_over,
    open_session,
    rotate_session,
    stored_token,
)
from resolvers.context import STRANGER, Info, Services, Viewer
from weft.auth.cookies import session_cookies
from weft.auth.sessions import Verdict, digest
from weft.auth.tokens import bearer_token
from weft.confidential import Confidential
from weft.errors import RateLimited, Unauthenticated
from weft.problem import Problems, UserError, UserErrorCode
from weft.rates.address import CLIENT

log = structlog.get_logger(__name__)

TAKEN = UserError(UserErrorCode.TAKEN, "This e-mail address has an account already.", ["email"])
BAD_CREDENTIALS = UserError(
    UserErrorCode.BAD_CREDENTIALS, "There is no account with this e-mail address and password."
)
EXPIRED = UserError(
    UserErrorCode.EXPIRED,
    "The refresh token is unknown, expired or used, or its session has ended: sign in again.",
    ["refreshToken"],
)
SPENT = UserError(
    UserErrorCode.EXPIRED,
    "The refresh token was used twice just now: go on with what it gave, or sign in again.",
    ["refreshToken"],
)
SUSPENDED = UserError(UserErrorCode.FORBIDDEN, "This account is suspended.")
NOT_SIGNED_IN = UserError(UserErrorCode.FORBIDDEN, "You are not signed in.")


class SignUp(Confidential, frozen=True):
    """A new account, as the client describes it."""

    name: str
    email: str
    password: str


class SignIn(Confidential, frozen=True):
    """An existing account, as the client names it."""

    email: str
    password: str


class RefreshSession(Confidential, frozen=True):
    """A session to go on with, as a client says it."""

    refresh_token: str


class SessionPayload(msgspec.Struct, frozen=True):
    """A session and whose it is, or why there is none."""

    session: IssuedSession | None = None
    viewer: UserRow | None = None
    errors: list[UserError] = []


class SignOutPayload(msgspec.Struct, frozen=True):
    """Whether the viewer is signed out now, who was signed in before."""

    signed_out: bool
    errors: list[UserError] = []


async def sign_up(info: Info, input: SignUp) -> SessionPayload:
    """Makes a user and signs in. TAKEN is returned only if all else is right.

    Where SIGN_UP is `verified`, the answer is the same for every address: no session and no error,
    and a mail with a token. verifyEmail then makes the user, with the password given there.
    """
    services, problems = info.context.services, Problems()
    account = account_key(input.email)
    if services.attempts is not None:
        await services.attempts.sign_up(account, CLIENT.get())
    name = checked_name(problems, input.name)
    email = checked_email(problems, input.email)
    check_password(problems, input.password)
    if problems.errors:
        return SessionPayload(errors=problems.errors)
    if services.account_rules.verified_sign_up:
        await begin_sign_up(services, name, email)
        return SessionPayload()
    password_hash = await services.passwords.hash(input.password)
    async with services.database.write(None) as transaction:
        user = await transaction.first(
            INSERT_USER, name=name, email=email, password_hash=password_hash, now=services.now()
        )
        session = user and await open_session(transaction, services, user, password_hash)
        mail = user and await mail_to_verify(transaction, services, user.id)
    if user is None or session is None or mail is None:
        return SessionPayload(errors=[TAKEN])
    if services.attempts is not None:
        await services.attempts.signed_up(account, CLIENT.get())
    services.post_mail(mail)
    return _signed_in(info, user, session)


async def sign_in(info: Info, input: SignIn) -> SessionPayload:
    """Opens a session; what is wrong, the address or the password, is not told.

    FORBIDDEN, if both are right, tells that an admin has suspended the user.
    """
    services = info.context.services
    if services.attempts is not None:
        await services.attempts.sign_in(account_key(input.email), CLIENT.get())
    # A password hash may change while it is being verified, by an upgrade at another sign-in or by
    # a new password: then the second attempt decides.
    for _ in range(2):
        verified = await verified_user(services, input.email, input.password)
        if verified is None:
            break
        user, password_hash = verified
        if user.suspended_at is not None:
            return SessionPayload(errors=[SUSPENDED])
        async with services.database.write(None) as transaction:
            session = await open_session(transaction, services, user, password_hash)
        if session is not None:
            if services.attempts is not None:
                await services.attempts.signed_in(account_key(input.email), CLIENT.get())
            return _signed_in(info, user, session)
    return SessionPayload(errors=[BAD_CREDENTIALS])


async def refresh_session(info: Info, input: RefreshSession) -> SessionPayload:
    """Rotates the refresh token.

    One that was used before ends every session that descends from it. A session that was refreshed
    too often within an hour is TOO_MANY_REQUESTS, and goes on: the token is good once
    `retryAfterSeconds` have passed.
    """
    services, cookies = info.context.services, session_cookies()
    rules = services.session_rules
    kept = cookies.refresh_token if cookies is not None else ""
    presented = digest(input.refresh_token or kept)
    async with services.database.write(None) as transaction:
        held = await transaction.first(LOCK_SESSION_BY_TOKEN, digest=presented)
        # Read only now, under the lock: see weft.auth.sessions.
        token = held and await stored_token(transaction, services, held, presented)
        if held is None or token is None:
            return _expired()
        now = services.now()
        verdict = rules.judge(token, now)
        if verdict is Verdict.REUSED:
            await transaction.first(DELETE_SESSION, session_id=held.id)
            log.warning("refresh_token_reused", session_id=held.id, user_id=held.user_id)
        if verdict is Verdict.SPENT:
            # Cookies stay: they may be those that the two have just been given.
            return SessionPayload(errors=[SPENT])
        if verdict is Verdict.LIMITED:
            seconds = rules.wait_seconds(token, now)
            raise RateLimited(
                f"This session was refreshed {rules.refreshes_per_hour} times within an hour: "
                f"go on with what it has, and refresh it again in {seconds} s.",
                seconds,
            )
        if verdict is not Verdict.ROTATE:
            return _expired()
        session = await rotate_session(transaction, services, held, presented)
        (user,) = await transaction.all(USERS_BY_ID, ids=[held.user_id])
    return _signed_in(info, user, session)


async def sign_out(info: Info, everywhere: bool | None = False) -> SignOutPayload:
    """Ends the viewer's session, or all of them, at once: their tokens are worth nothing now."""
    viewer = info.context.viewer
    if viewer.user_id is None:
        return SignOutPayload(signed_out=False, errors=[NOT_SIGNED_IN])
    sessions = DELETE_SESSIONS_OF_USER if everywhere else DELETE_SESSION
    keys = {"user_id": viewer.user_id, "session_id": viewer.session_id}
    async with info.context.write() as transaction:
        await transaction.hold_rights()
        await transaction.all(sessions, **keys)
    info.context.viewer = STRANGER
    if (cookies := session_cookies()) is not None:
        cookies.drop()
    return SignOutPayload(signed_out=True)


async def viewer_of(services: Services, authorization: str | None) -> Viewer:
    """Who sends an Authorization header of this value; None is a stranger.

    Each request looks its session up, in one statement with all others that are being looked up: so
    a session that was ended stops at once, and the role is the one of now. Raises `Unauthenticated`
    for a token that is malformed, forged or expired, and for a session that has ended.
    """
    token = bearer_token(authorization)
    if token is None:
        return STRANGER
    now = services.now()
    claims = services.tokens.read(token, now)
    (session,) = await services.database.reads.submit(session_by_id, [claims.session_id])
    if session is None or now >= session.expires_at:
        raise Unauthenticated(SESSION_ENDED)
    read_only = not session.email_verified and services.account_rules.unverified_read_only
    return Viewer(session.user_id, session.role, session.id, claims.expires_at, read_only)


async def verified_user(
    services: Services, email: str, password: str
) -> tuple[UserRow, str] | None:
    """The user and the password hash as it is stored; after the same work, whatever is wrong."""
    address = normalised_email(email)
    found: list[Credentials | None] = [None]
    if address is not None:
        found = await services.database.reads.submit(credentials_by_email, [address])
    (credentials,) = found
    stored_hash = credentials.password_hash if credentials else None
    # Bounded work. A letter may come as a base and up to three marks that compose to one.
    bounded = password[: 4 * MAX_PASSWORD_LENGTH]
    verification = await services.passwords.verify(bounded, stored_hash)
    if credentials is None or stored_hash is None or not verification.matches:
        return None
    if verification.upgraded_hash is None:
        return credentials.user, stored_hash
    async with services.database.write(None) as transaction:
        upgraded = await transaction.first(
            UPDATE_PASSWORD_HASH,
            user_id=credentials.user.id,
            old_hash=stored_hash,
            new_hash=verification.upgraded_hash,
        )
    return credentials.user, verification.upgraded_hash if upgraded else stored_hash


async def confirmed_hash(services: Services, user: UserRow, password: str) -> str | None:
    """The password hash of a user whose password this is, as stored; None if it is another.

    Attempts are counted as those to sign in.
    """
    key, address = account_key(user.email), CLIENT.get()
    if services.attempts is not None:
        await services.attempts.sign_in(key, address)
    verified = await verified_user(services, user.email, password)
    if verified is None or verified[0].id != user.id:
        return None
    if services.attempts is not None:
        await services.attempts.signed_in(key, address)
    return verified[1]


def _signed_in(info: Info, user: UserRow, session: IssuedSession) -> SessionPayload:
    return SessionPayload(handed_over(info, user, session), user)


def _expired() -> SessionPayload:
    if (cookies := session_cookies()) is not None:
        cookies.drop()
    return SessionPayload(errors=[EXPIRED])
