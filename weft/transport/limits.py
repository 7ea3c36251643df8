"""Limits of a client's sockets and streams, and their counters. All are per process."""

from collections import Counter
from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from dataclasses import dataclass

from weft.errors import BadRequest

ENVELOPE_BYTES = 4_096
"""The most that a message or event adds to its result: an operation's id, a cursor."""


class TooMany(BadRequest):
    """A client has reached a limit of number or of rate."""

    code = "TOO_MANY_REQUESTS"
    status = 429


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Limits of one socket or stream, and how many of them one client may open."""

    init_timeout_seconds: float = 10
    """How long a socket may stay open without `connection_init`."""
    message_limit_bytes: int = 1_048_576
    """The longest message that is read, unless the server's own limit is lower."""
    operations: int = 100
    """How many operations of one socket may be in flight at once."""
    operations_per_second: float = 50
    """How many operations one socket may begin a second; bursts may be as large."""
    per_viewer: int = 100
    """Sockets and streams of one viewer; anonymous viewers are counted by address only."""
    per_address: int = 2_000
    """Sockets and streams from one network address."""
    subscriptions_per_viewer: int = 200
    """Different subscriptions of one viewer; identical ones count once."""
    subscriptions_per_address: int = 2_000
    """Different subscriptions from one network address."""
    resumes: int = 10_000
    """Subscriptions of one viewer, and from one address, that may be catching up at once."""
    buffer_bytes: int = 1_048_576
    """How much may wait to be sent to a slow client; then the socket or stream is closed."""
    stall_seconds: float = 30
    """How long a client may read nothing while data waits for it; then its socket or stream is
    closed."""
    grace_seconds: float = 3
    """How long the client of a closed socket may take to read the rest; then memory is freed."""
    ping_seconds: float = 20
    """How often the server pings a client, and how long the pong may take."""
    keep_alive_seconds: float = 12
    """How often a stream without events sends a comment, so that it stays open."""
    shutdown_spread_seconds: float = 4
    """The time over which a shutdown closes sockets, if they are many."""

    @property
    def longest_result_bytes(self) -> int:
        """The longest result that fits into an empty buffer together with its envelope."""
        return self.buffer_bytes - ENVELOPE_BYTES


class Occupancy:
    """Counts the places that each key holds, up to `limit` for each."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: Counter[Hashable] = Counter()

    def take(self, key: Hashable) -> bool:
        """Takes a place for the key, until `leave`; False if it has `limit` of them already."""
        if self._taken[key] >= self._limit:
            return False
        self._taken[key] += 1
        return True

    def leave(self, key: Hashable) -> None:
        """Gives a place back."""
        self._taken[key] -= 1
        if not self._taken[key]:
            del self._taken[key]

    @contextmanager
    def place(self, key: Hashable) -> Generator[None]:
        """Holds a place during the block; raises `TooMany` if there is none."""
        if not self.take(key):
            raise TooMany(f"No more than {self._limit} sockets may be open at once.")
        try:
            yield
        finally:
            self.leave(key)


class Distinct:
    """Counts the different things that each holder has, up to `limit`; repeated ones count once."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held: dict[Hashable, Counter[Hashable]] = {}

    def has_room(self, holder: Hashable, thing: Hashable) -> bool:
        """Whether the holder may take the thing: it has it already, or is below the limit."""
        held = self._held.get(holder, ())
        return thing in held or len(held) < self.limit

    def take(self, holder: Hashable, thing: Hashable) -> None:
        """Counts the thing for the holder, until `leave`; does not look at the limit."""
        self._held.setdefault(holder, Counter())[thing] += 1

    def leave(self, holder: Hashable, thing: Hashable) -> None:
        """Undoes one `take`."""
        held = self._held[holder]
        held[thing] -= 1
        if not held[thing]:
            del held[thing]
            if not held:
                del self._held[holder]


class Rate:
    """A token bucket: `per_second` on average, with bursts of as many."""

    __slots__ = ("_left", "_now", "_per_second", "_seen")

    def __init__(self, per_second: float, now: Callable[[], float]) -> None:
        self._per_second = per_second
        self._left = per_second
        self._now = now
        self._seen = now()

    def allows(self) -> bool:
        """Takes a token; False if there is none."""
        now = self._now()
        self._left = min(self._per_second, self._left + (now - self._seen) * self._per_second)
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
