"""Sessions: how refresh tokens rotate, and when a session ends. Rules only, without storage.

A session begins with a sign-in and is the *family* of the refresh tokens that descend from it. A
token is 256 random bits that only its client has. Only its SHA-256 is stored, without salt or
stretching, since 256 bits cannot be guessed.

Each use of a token replaces it by a new one (RFC 9700, section 4.14.2). So a token that is used a
second time is held by two parties, and since neither can be identified as the thief, the whole
family ends.

Honest clients use a token twice as well: two tabs refresh at once, or a response is lost and the
request is retried. Therefore, within `grace` after its first use, and only while no token that was
issued for it has been used, a used token is exchanged for one more fresh token, a sibling: both
tabs stay signed in. A third use in that time gives nothing, and ends nothing: it may be a third
tab's. Returning the first successor again would need its text in the database. A thief gains only
those few seconds; the family stays one, so that the reuse of any token ends all siblings.

A session is refreshed `refreshes_per_hour` times at most, siblings included. One more refresh is
refused and changes nothing: used tokens are kept until they expire, so a reuse is still noticed.

This is free of races if the caller locks the session before it reads the token.
"""

import enum
import hashlib
import math
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

TOKEN_BYTES = 32
REFRESHES_COUNTED_FOR = timedelta(hours=1)
SUCCESSORS = 2
"""The most tokens that are issued for one token: its successor and one sibling of that."""


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A refresh token as stored; `used_at` is its first use, None if it is unused."""

    expires_at: datetime
    used_at: datetime | None
    is_superseded: bool
    """Whether a token that was issued for this one has been used."""
    successors: int = 0
    """How many tokens were issued for this one."""
    recent_refreshes: int = 0
    """How often the session was refreshed in the last hour."""
    first_recent_refresh_at: datetime | None = None


class Verdict(enum.Enum):
    """What happens to a refresh token that a client presents."""

    ROTATE = "a fresh token is given for it"
    EXPIRED = "nothing: it is too old"
    SPENT = "nothing: it has just given all that it may, and the session goes on"
    LIMITED = "nothing yet: the session was refreshed too often, and goes on"
    REUSED = "the session ends: the token is in two hands"


@dataclass(frozen=True, slots=True)
class SessionRules:
    """The lifetime of sessions, and how often they may be refreshed.

    A token expires `idle` after it was issued, and so does a session that is not refreshed. However
    often it is refreshed, a session ends `absolute` after its sign-in. `refreshes_per_hour` is per
    session.
    """

    idle: timedelta = timedelta(days=30)
    absolute: timedelta = timedelta(days=365)
    grace: timedelta = timedelta(seconds=10)
    refreshes_per_hour: int = 60

    def expires_at(self, opened_at: datetime, now: datetime) -> datetime:
        """Returns when a token issued `now` expires, in a session opened at `opened_at`."""
        return min(now + self.idle, opened_at + self.absolute)

    def judge(self, token: StoredToken, now: datetime) -> Verdict:
        """Returns what happens to a token of a live session."""
        if now >= token.expires_at:
            return Verdict.EXPIRED
        if token.used_at is not None:
            if now >= token.used_at + self.grace or token.is_superseded:
                return Verdict.REUSED
            if token.successors >= SUCCESSORS:
                return Verdict.SPENT
        is_limited = token.recent_refreshes >= self.refreshes_per_hour
        return Verdict.LIMITED if is_limited else Verdict.ROTATE

    def wait_seconds(self, token: StoredToken, now: datetime) -> int:
        """Returns in how many seconds a LIMITED session may be refreshed again; at least 1."""
        ends_at = (token.first_recent_refresh_at or now) + REFRESHES_COUNTED_FOR
        return max(1, math.ceil((ends_at - now).total_seconds()))


def new_refresh_token() -> str:
    """Returns a fresh refresh token for a client to keep; only its `digest` is to be stored."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(refresh_token: str) -> bytes:
    """Returns what is stored and looked up of a refresh token; accepts any text."""
    return hashlib.sha256(refresh_token.encode("utf-8", "surrogatepass")).digest()
