"""Access tokens: signed, short-lived, bound to a session. They prove identity, not permissions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import jwt
import msgspec

from weft.bounded_cache import BoundedCache
from weft.bounds import TOKENS
from weft.errors import Unauthenticated
from weft.memory_weight import weight_of

ALGORITHM = "HS256"
TYPE = "at+jwt"
"""Type of access tokens (RFC 9068, section 2.1); anything else signed with the same key is none."""
AUDIENCE = "weft"
SECRET_MIN_BYTES = 32
"""A key of HS256 is no shorter than its hash (RFC 7518, section 3.2)."""
BEARER = "bearer"
TOKEN_MAX_LENGTH = 2048
CLAIMS_BYTES = 300
"""Bytes that the claims of a token take, besides their subject."""
DEVELOPMENT_SECRET = "weft-development-secret-do-not-deploy"

MALFORMED = "The access token is malformed."
FORGED = "The access token was not signed by this server."
EXPIRED = "The access token has expired."

_MAX_TIME = int(datetime.max.replace(tzinfo=UTC).timestamp())
_Time = Annotated[int, msgspec.Meta(ge=0, le=_MAX_TIME)]


class _Payload(msgspec.Struct, frozen=True):
    sub: str
    sid: int
    iat: _Time
    exp: _Time


@dataclass(frozen=True, slots=True)
class Claims:
    """The content of a valid token: its subject and session, and its times in UTC."""

    subject: str
    session_id: int
    issued_at: datetime
    expires_at: datetime


class AccessTokens:
    """Issues and reads access tokens: JWTs (RFC 7519), by HS256 only.

    `key_id` names the key of `secret` in the header `kid`. To rotate: pass the new pair, and the
    old one in `previous` (secrets by key id) until its last token has expired.
    """

    def __init__(
        self,
        *,
        key_id: str,
        secret: str,
        previous: Mapping[str, str] | None = None,
        lifetime: timedelta = timedelta(minutes=15),
    ) -> None:
        self._key_id = key_id
        self._secrets = {**(previous or {}), key_id: secret}
        self._lifetime = lifetime
        # Verifying is a large part of a request's work, and a valid signature stays valid.
        self._verified: BoundedCache[str, Claims] = BoundedCache(TOKENS)

    def issue(self, subject: str, session_id: int, now: datetime) -> tuple[str, datetime]:
        """Returns a token and when it expires, both to the second like the token's claims."""
        issued_at = now.replace(microsecond=0)
        expires_at = issued_at + self._lifetime
        token = jwt.encode(
            {
                "sub": subject,
                "sid": session_id,
                "aud": AUDIENCE,
                "iat": int(issued_at.timestamp()),
                "exp": int(expires_at.timestamp()),
            },
            self._secrets[self._key_id],
            algorithm=ALGORITHM,
            headers={"kid": self._key_id, "typ": TYPE},
        )
        return token, expires_at

    def read(self, token: str, now: datetime) -> Claims:
        """Returns the claims of a token that this server signed and that has not expired at `now`.

        Raises `Unauthenticated`, whose message distinguishes malformed, forged and expired tokens.
        The caller checks whether the session is still live.
        """
        claims = self._verified.get(token)
        if claims is None:
            claims = self._verify(token)
            self._verified.put(token, claims, CLAIMS_BYTES + weight_of((token, claims.subject)))
        if now >= claims.expires_at:
            raise Unauthenticated(EXPIRED)
        return claims

    def _verify(self, token: str) -> Claims:
        if len(token) > TOKEN_MAX_LENGTH or not token.isascii():
            raise Unauthenticated(MALFORMED)
        try:
            payload = msgspec.convert(self._signed(token), _Payload)
        except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
            raise Unauthenticated(FORGED) from None
        except (jwt.InvalidTokenError, msgspec.ValidationError):
            raise Unauthenticated(MALFORMED) from None
        issued_at = datetime.fromtimestamp(payload.iat, UTC)
        expires_at = datetime.fromtimestamp(payload.exp, UTC)
        return Claims(payload.sub, payload.sid, issued_at, expires_at)

    def _signed(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        if header.get("typ") != TYPE:
            raise jwt.InvalidTokenError
        secret = self._secrets.get(header.get("kid", ""))
        if secret is None:
            raise jwt.InvalidSignatureError
        return jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            # Times are checked by the caller's clock.
            options={"strict_aud": True, "verify_exp": False, "verify_iat": False},
        )


def credentials(authorization: str | None) -> str | None:
    """Returns the value of an Authorization; None if it is empty, or `Bearer` without a token.

    Clients without a token send either of the two: Apollo's documentation has ``token ? `Bearer
    ${token}` : ""``.
    """
    if authorization is None or authorization.strip().lower() in ("", BEARER):
        return None
    return authorization


def bearer_token(authorization: str | None) -> str | None:
    """Returns the token of an Authorization header's value (RFC 6750, section 2.1), or None.

    None if there is no token. Raises `Unauthenticated` for any other scheme.
    """
    if authorization is None:
        return None
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() == BEARER and (token := token.strip()):
        return token
    if credentials(authorization) is None:
        return None
    raise Unauthenticated("The Authorization header must read: Bearer <access token>.")


def check_secret(secret: str, development: bool) -> None:
    """Raises ValueError, with a line that says what to do, for a secret unfit for signing.

    In development any secret is accepted, so that a first start needs none.
    """
    if development:
        return
    if secret == DEVELOPMENT_SECRET:
        raise ValueError("SECRET is still the one of development: set one that nobody else knows.")
    if len(secret.encode()) < SECRET_MIN_BYTES:
        raise ValueError(f"SECRET is shorter than {SECRET_MIN_BYTES} bytes: set a longer one.")
