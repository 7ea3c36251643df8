"""The cache in which a process keeps things: bounded by bytes, and not emptied by one sweep."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

from weft.bounds import Bound

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")

ENTRY_BYTES = 400
"""What an entry takes beside its key and its value: the most that was measured."""
PROTECTED_SHARE = 0.8
EXAMINED_PER_PUT = 2
"""Entries that each `put` looks at, to drop those that have expired."""


class BoundedCache(Generic[KeyT, ValueT]):
    """Segmented LRU (Karedla, Love, Wherry: "Caching Strategies to Improve Disk
    System Performance", 1994), by bytes.

    What is new is on probation, in a fifth of the bytes; what is read again is protected. A sweep
    of keys that are read once evicts only others of its kind. An entry that weighs more than a
    fifth of all is not kept.

    Entries may expire, by `clock`. One that has is never given. It is dropped when it is asked for,
    when it is evicted, or in turn: each `put` examines a few entries.
    """

    def __init__(self, bound: Bound, clock: Callable[[], float] | None = None) -> None:
        """`clock` is needed where entries expire; in its unit."""
        self.max_bytes = bound.max_bytes
        self._clock = clock or _never
        self._protected = _Segment[KeyT, ValueT](int(bound.max_bytes * PROTECTED_SHARE))
        self._probation = _Segment[KeyT, ValueT](bound.max_bytes - self._protected.max_bytes)
        self._protected_entries = self._protected.entries
        self._probation_entries = self._probation.entries
        self._expiring: OrderedDict[KeyT, None] = OrderedDict()
        """Keys of entries that expire; those that were examined last are at the end."""

    def __len__(self) -> int:
        return len(self._protected.entries) + len(self._probation.entries)

    @property
    def bytes(self) -> int:
        """What all entries weigh together."""
        return self._protected.bytes + self._probation.bytes

    def get(self, key: KeyT) -> ValueT | None:
        """The value, protected from now on; None if there is none."""
        entry = self._protected_entries.get(key)
        if entry is None:
            return self._promoted(key) if key in self._probation_entries else None
        if entry[2] is not None and entry[2] <= self._clock():
            self.drop(key)
            return None
        self._protected_entries.move_to_end(key)
        return entry[0]

    def _promoted(self, key: KeyT) -> ValueT | None:
        entry = self._probation_entries[key]
        if entry[2] is not None and entry[2] <= self._clock():
            self.drop(key)
            return None
        self._probation.take(key)
        self._protect(key, entry)
        return entry[0]

    def get_all(self, keys: Iterable[KeyT]) -> list[ValueT | None]:
        """The values of keys, in their order: as `get`, faster."""
        protected, now = self._protected_entries, self._clock()
        found: list[ValueT | None] = []
        for key in keys:
            entry = protected.get(key)
            if entry is None or (entry[2] is not None and entry[2] <= now):
                found.append(self.get(key))
            else:
                protected.move_to_end(key)
                found.append(entry[0])
        return found

    def put(
        self, key: KeyT, value: ValueT, weight_bytes: int, expires_at: float | None = None
    ) -> None:
        """Keeps a value, on probation unless the key is protected; in place of the one before.

        `weight_bytes` is what key and value take; the cache adds what it takes itself.
        """
        is_protected = key in self._protected_entries
        if is_protected or key in self._probation_entries:
            self.drop(key)
        if self._expiring:
            self._drop_expired()
        entry = (value, weight_bytes + ENTRY_BYTES, expires_at)
        if entry[1] > self._probation.max_bytes:
            return
        if expires_at is not None:
            self._expiring[key] = None
        if is_protected:
            self._protect(key, entry)
        else:
            self._put_on_probation(key, entry)

    def drop(self, key: KeyT) -> None:
        """Forgets a key; nothing happens if it is not there."""
        self._protected.take(key)
        self._probation.take(key)
        self._expiring.pop(key, None)

    def clear(self) -> None:
        """Forgets all."""
        self._protected.clear()
        self._probation.clear()
        self._expiring.clear()

    def _protect(self, key: KeyT, entry: "_Entry[ValueT]") -> None:
        for demoted_key, demoted in self._protected.put(key, entry):
            self._put_on_probation(demoted_key, demoted)

    def _put_on_probation(self, key: KeyT, entry: "_Entry[ValueT]") -> None:
        for evicted, _ in self._probation.put(key, entry):
            self._expiring.pop(evicted, None)

    def _drop_expired(self) -> None:
        now = self._clock()
        for _ in range(min(EXAMINED_PER_PUT, len(self._expiring))):
            key = next(iter(self._expiring))
            entry = self._protected.entries.get(key) or self._probation.entries[key]
            if entry[2] is not None and entry[2] <= now:
                self.drop(key)
            else:
                self._expiring.move_to_end(key)


_Entry = tuple[ValueT, int, float | None]
"""A value, what it weighs, and when it expires; None for never."""


class _Segment(Generic[KeyT, ValueT]):
    """Entries, least recently used first."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self.entries: OrderedDict[KeyT, _Entry[ValueT]] = OrderedDict()

    def put(self, key: KeyT, entry: _Entry[ValueT]) -> list[tuple[KeyT, _Entry[ValueT]]]:
        """Adds an entry; gives those that had to leave for it."""
        self.entries[key] = entry
        self.bytes += entry[1]
        left: list[tuple[KeyT, _Entry[ValueT]]] = []
        while self.bytes > self.max_bytes:
            evicted = self.entries.popitem(last=False)
            self.bytes -= evicted[1][1]
            left.append(evicted)
        return left

    def take(self, key: KeyT) -> None:
        """Removes an entry, if it is there."""
        entry = self.entries.pop(key, None)
        if entry is not None:
            self.bytes -= entry[1]

    def clear(self) -> None:
        self.entries.clear()
        self.bytes = 0


def _never() -> float:
    """A clock by which nothing has expired."""
    return float("-inf")
