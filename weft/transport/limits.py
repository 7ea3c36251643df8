"""What one client may use of sockets and streams, and how that is counted. Per process."""

from collections import Counter
from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from dataclasses import dataclass

from weft.errors import BadRequest

ENVELOPE_BYTES = 4_096
"""What a message or event has besides its result, at most: an operation's id, a cursor."""


class TooMany(BadRequest):
    """More than one client may have, or sooner than it may."""

    code = "TOO_MANY_REQUESTS"
    status = 429


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """What one socket or stream may use, and how many of them one client may open."""

    init_timeout_seconds: float = 10
    """How long it may stay open without `connection_init`."""
    message_limit_bytes: int = 1_048_576
    """The longest message that is read; the server's own limit comes first where it is lower."""
    operations: int = 100
    """How many operations may be under way at once on one socket."""
    operations_per_second: float = 50
    """How many operations one socket may begin in a second; it may save up those of a second."""
    per_viewer: int = 100
    """Sockets and streams of one viewer; strangers are counted by address only."""
    per_address: int = 2_000
    """Sockets and streams from one network address."""
    subscriptions_per_viewer: int = 200
    """Different subscriptions of one viewer; those that are identical count once."""
    subscriptions_per_address: int = 2_000
    """The same from one network address."""
    resumes: int = 10_000
    """Subscriptions of one viewer, and from one address, that may be catching up at once."""
    buffer_bytes: int = 1_048_576
    """How much may wait for a client that does not read; then it is closed."""
    stall_seconds: float = 30
    """How long a client may take nothing of an answer that waits for it; then it is closed."""
    grace_seconds: float = 3
    """How long a closed socket may take to read what is left; then its memory is freed."""
    ping_seconds: float = 20
    """How often a silent client is asked for a sign of life, and how long it may take to answer."""
    keep_alive_seconds: float = 12
    """How often a stream of events without any says that it is still there."""
    shutdown_spread_seconds: float = 4
    """Over how long the sockets of a server that stops are closed, if they are many."""

    @property
    def longest_result_bytes(self) -> int:
        """The longest result that finds room in an empty buffer, with what stands around it."""
        return self.buffer_bytes - ENVELOPE_BYTES


class Occupancy:
    """How many places each key holds."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: Counter[Hashable] = Counter()

    def take(self, key: Hashable) -> bool:
        """Whether the key got one more place, to be given back by `leave`."""
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
        """A place for as long as the block lasts; raises `TooMany`."""
        if not self.take(key):
            raise TooMany(f"No more than {self._limit} sockets may be open at once.")
        try:
            yield
        finally:
            self.leave(key)


class Distinct:
    """How many different things each holder has; one that it has several times counts once."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held: dict[Hashable, Counter[Hashable]] = {}

    def has_room(self, holder: Hashable, thing: Hashable) -> bool:
        """Whether the holder may have the thing."""
        held = self._held.get(holder, ())
        return thing in held or len(held) < self.limit

    def take(self, holder: Hashable, thing: Hashable) -> None:
        """Gives the holder the thing, to be given back by `leave`."""
        self._held.setdefault(holder, Counter())[thing] += 1

    def leave(self, holder: Hashable, thing: Hashable) -> None:
        """Gives the thing back."""
        held = self._held[holder]
        held[thing] -= 1
        if not held[thing]:
            del held[thing]
            if not held:
                del self._held[holder]


class Rate:
    """A token bucket: `per_second` on average, and as many at once."""

    __slots__ = ("_left", "_now", "_per_second", "_seen")

    def __init__(self, per_second: float, now: Callable[[], float]) -> None:
        self._per_second = per_second
        self._left = per_second
        self._now = now
        self._seen = now()

    def allows(self) -> bool:
        """Whether one more is within the rate; counts it if so."""
        now = self._now()
        self._left = min(self._per_second, self._left + (now - self._seen) * self._per_second)
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
