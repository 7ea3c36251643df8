"""Sessions: how refresh tokens rotate, and when a session ends. Rules only, nothing stored here.

A session begins with a sign-in and is the *family* of the refresh tokens that descend from it. A
token is 256 random bits, known to its client alone: stored is only its SHA-256, which needs no salt
and no stretching since nobody can guess 256 bits.

Each use of a token gives a new one in its place (RFC 9700, section 4.14.2). So a token that is used
a second time is in two hands, and as nobody can tell which is the thief's, the whole family ends.

Honest clients use a token twice as well: two tabs refresh at once, or an answer is lost and the
request sent again. Therefore, within `grace` after its first use, and only as long as nobody has
used a token that was given for it, a used token gives one more fresh token, a sibling: both tabs
live. A third use meanwhile gives nothing, and ends nothing: it may be a third tab's. Handing out
the first successor again would need its text in the database. What a thief gains is those few
seconds; the family stays one, so that the reuse of any token ends all siblings.

A session is refreshed `refreshes_per_hour` times at most, siblings included. One more is refused
and changes nothing: used tokens are kept until they expire, so a reuse is still noticed.

This is race-free if who refreshes locks the session first and reads the token only then.
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
"""What one token gives at most: its successor and one sibling of that."""


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A refresh token as stored; `used_at` is its first use, None for never."""

    expires_at: datetime
    used_at: datetime | None
    is_superseded: bool
    """Whether a token that was given for this one has been used."""
    successors: int = 0
    """How many tokens were given for this one."""
    recent_refreshes: int = 0
    """How many tokens the session was given in the last hour for others of it."""
    first_recent_refresh_at: datetime | None = None


class Verdict(enum.Enum):
    """What is to happen to a refresh token that somebody presents."""

    ROTATE = "a fresh token is given for it"
    EXPIRED = "nothing: it is too old"
    SPENT = "nothing: it has just given all that it may, and the session goes on"
    LIMITED = "nothing yet: the session was refreshed too often, and goes on"
    REUSED = "the session ends: the token is in two hands"


@dataclass(frozen=True, slots=True)
class SessionRules:
    """How long sessions live, and how they are refreshed.

    A token expires `idle` after it was given, and so does a session that nobody refreshes. However
    often it is refreshed, a session ends `absolute` after its sign-in. `refreshes_per_hour` is for
    each session.
    """

    idle: timedelta = timedelta(days=30)
    absolute: timedelta = timedelta(days=365)
    grace: timedelta = timedelta(seconds=10)
    refreshes_per_hour: int = 60

    def expires_at(self, opened_at: datetime, now: datetime) -> datetime:
        """When a token given `now` expires, in a session opened at `opened_at`."""
        return min(now + self.idle, opened_at + self.absolute)

    def judge(self, token: StoredToken, now: datetime) -> Verdict:
        """What is to happen to a token of a live session."""
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
        """In how many seconds a LIMITED session has had fewer refreshes in the hour before."""
        ends_at = (token.first_recent_refresh_at or now) + REFRESHES_COUNTED_FOR
        return max(1, math.ceil((ends_at - now).total_seconds()))


def new_refresh_token() -> str:
    """A fresh refresh token for a client to keep; store its `digest`."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(refresh_token: str) -> bytes:
    """What is stored of a refresh token, and looked up; of any text, also of one never given."""
    return hashlib.sha256(refresh_token.encode("utf-8", "surrogatepass")).digest()
