"""A model of the protocol: a database, a store, their writers, readers and relay, step by step.

Each guard of the protocol can be removed by name. Time is a number of seconds.
"""

import itertools
from dataclasses import dataclass, field

from weft.cache import fence

TTL_SECONDS = 5
LEASE_SECONDS = 3
TAG = "tag"
LEASE = "lease"
VALUE = "value"

GUARDS = frozenset(
    {
        "writers raise fences",
        "fences are raised before commit",
        "xmin is compared",
        "age is taken off the ttl",
        "a missing fence takes nothing",
        "a new fence is open",
        "the number that makes whole is drawn after",
        "the lease is asked",
        "a new leader lets nothing older pass",
        "a new store has keys of its own",
    }
)


@dataclass
class Model:
    """The state of the model, and the steps that it can take."""

    guards: frozenset[str]
    now: int = 0
    next_id: int = 100
    running: set[int] = field(default_factory=set)
    written: frozenset[int] = frozenset()
    acknowledged: frozenset[int] = frozenset()
    foreign: dict[int, int] = field(default_factory=dict)
    store: dict[tuple[int, str], tuple[object, int]] = field(default_factory=dict)
    saved: dict[tuple[int, str], tuple[object, int]] = field(default_factory=dict)
    run: int = 0
    unraised: set[int] = field(default_factory=set)
    tokens: itertools.count = field(default_factory=itertools.count)  # pyright: ignore[reportMissingTypeArgument]

    # The store.
    def get(self, key: str) -> object | None:
        found = self.store.get(self._key(key))
        return found[0] if found and found[1] > self.now else None

    def put(self, key: str, value: object, seconds: int) -> None:
        if seconds > 0:
            self.store[self._key(key)] = (value, self.now + seconds)

    def keep(self, key: str, value: object) -> None:
        self.store[self._key(key)] = (value, self.store[self._key(key)][1])

    def _key(self, key: str) -> tuple[int, str]:
        return (self.run if "a new store has keys of its own" in self.guards else 0, key)

    # The database.
    def draw_id(self) -> int:
        self.next_id += 1
        return self.next_id - 1

    def xmin(self) -> int:
        return min(self.running, default=self.next_id)

    # Writers.
    def begin(self) -> int:
        writer = self.draw_id()
        self.running.add(writer)
        return writer

    def raise_fence(self, writer: int) -> None:
        found = self.get(TAG)
        if isinstance(found, bytes):
            self.keep(TAG, fence.raised(found, fence.number(writer)))

    def commit(self, writer: int, *, foreign: bool = False) -> None:
        self.running.discard(writer)
        self.written |= {writer}
        self.unraised.add(writer)
        if foreign:
            self.foreign[writer] = self.now
        else:
            self.acknowledged |= {writer}

    def abort(self, writer: int) -> None:
        self.running.discard(writer)

    # Readers.
    def load(self) -> "Load":
        return Load(self.written, self.xmin(), self.now)

    def ensure(self) -> bytes:
        found = self.get(TAG)
        if not isinstance(found, bytes):
            token = b"%d" % next(self.tokens)
            whole_at_once = "a new fence is open" not in self.guards
            found = fence.number(0) if whole_at_once else fence.opened(token)
            self.put(TAG, found, 20)
        return found

    def make_whole(self, seen: bytes, drawn: int) -> None:
        found = self.get(TAG)
        if isinstance(found, bytes) and not fence.is_whole(seen):
            whole = fence.made_whole(found, seen, fence.number(drawn))
            self.keep(TAG, whole)

    def fill(self, load: "Load") -> None:
        shortened = "age is taken off the ttl" in self.guards
        self.put(VALUE, load, TTL_SECONDS - (self.now - load.at if shortened else 0))

    def read(self) -> None:
        """Fails if the value that the cache gives now is stale."""
        entry = self.get(VALUE)
        if not isinstance(entry, Load) or not self._counts(entry):
            return
        late = {w for w, at in self.foreign.items() if at + LEASE_SECONDS < self.now}
        must = self.acknowledged | late
        assert must <= entry.value, f"lacks {sorted(must - entry.value)}"
        assert self.now - entry.at <= TTL_SECONDS, "older than its ttl"

    def _counts(self, entry: "Load") -> bool:
        asked = [TAG, LEASE] if "the lease is asked" in self.guards else [TAG]
        found = [self.get(key) for key in asked]
        if "a missing fence takes nothing" not in self.guards:
            found = [fence.number(0) if one is None else one for one in found]
        fences = tuple(one if isinstance(one, bytes) else None for one in found)
        if "xmin is compared" not in self.guards:
            return all(map(fence.is_whole, fences))
        return fence.counts(fence.number(entry.xmin), fences)

    # The relay.
    def renew_lease(self, since: int) -> None:
        found = self.get(LEASE)
        seconds = LEASE_SECONDS - (self.now - since)
        if isinstance(found, bytes):
            self.put(LEASE, found, seconds)
        else:
            self.grant_lease(since)

    def grant_lease(self, since: int) -> None:
        drawn = self.draw_id() if "a new leader lets nothing older pass" in self.guards else 0
        found = self.get(LEASE)
        number = max(fence.number(drawn), found) if isinstance(found, bytes) else None
        seconds = LEASE_SECONDS - (self.now - since)
        self.put(LEASE, number or fence.number(drawn), seconds)


@dataclass(frozen=True)
class Load:
    """A value that was read: the writes that it contains, its snapshot's `xmin`, and the time."""

    value: frozenset[int]
    xmin: int
    at: int
