"""A cache in the memory of a process: bounded by bytes, and not emptied by one sweep of keys."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

from weft.bounds import Bound

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")

ENTRY_BYTES = 400
"""Bytes of an entry besides its key and its value: the most that was measured."""
PROTECTED_SHARE = 0.8
EXAMINED_PER_PUT = 2
"""Entries that each `put` examines, to drop those that have expired."""


class BoundedCache(Generic[KeyT, ValueT]):
    """Segmented LRU (Karedla, Love, Wherry: "Caching Strategies to Improve Disk
    System Performance", 1994), by bytes.

    A new entry is on probation, in a fifth of the bytes; one that is read again is protected. A
    sweep of keys that are read once evicts only others that are on probation. An entry larger than
    a fifth of all bytes is not kept.

    Entries may expire, by `clock`. An expired entry is never returned. It is dropped when it is
    read, when it is evicted, or in turn: each `put` examines a few entries.
    """

    def __init__(self, bound: Bound, clock: Callable[[], float] | None = None) -> None:
        """`clock` is needed if entries expire; `expires_at` is in its unit."""
        self.max_bytes = bound.max_bytes
        self._clock = clock or _never
        self._protected = _Segment[KeyT, ValueT](int(bound.max_bytes * PROTECTED_SHARE))
        self._probation = _Segment[KeyT, ValueT](bound.max_bytes - self._protected.max_bytes)
        self._protected_entries = self._protected.entries
        self._probation_entries = self._probation.entries
        self._expiring: OrderedDict[KeyT, None] = OrderedDict()
        """Keys of entries that expire, least recently examined first."""

    def __len__(self) -> int:
        return len(self._protected.entries) + len(self._probation.entries)

    @property
    def bytes(self) -> int:
        """Bytes of all entries together."""
        return self._protected.bytes + self._probation.bytes

    def get(self, key: KeyT) -> ValueT | None:
        """Returns the value, whose entry is protected from now on; None on a miss."""
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
        """Returns the values of keys, in their order, like `get` but faster."""
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
        """Stores a value in place of the one before, on probation unless the key is protected.

        `weight_bytes` is the size of key and value; the cache adds its own overhead.
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
        """Removes a key, if it is there."""
        self._protected.take(key)
        self._probation.take(key)
        self._expiring.pop(key, None)

    def clear(self) -> None:
        """Removes all entries."""
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
"""A value, its bytes, and when it expires; None for never."""


class _Segment(Generic[KeyT, ValueT]):
    """Entries, least recently used first."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self.entries: OrderedDict[KeyT, _Entry[ValueT]] = OrderedDict()

    def put(self, key: KeyT, entry: _Entry[ValueT]) -> list[tuple[KeyT, _Entry[ValueT]]]:
        """Adds an entry; returns those that were evicted for it."""
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
