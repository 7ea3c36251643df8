"""A bounded cache that one sweep of unique texts cannot empty."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class SegmentedCache(Generic[KeyT, ValueT]):
    """Segmented LRU (Karedla, Love, Wherry: "Caching Strategies to Improve Disk
    System Performance", 1994).

    What is new is on probation, in at most a fifth of the room; what is asked for again is
    protected. A sweep of keys asked for once only ever evicts others of its like.
    """

    PROTECTED_SHARE = 0.8

    def __init__(self, *, max_entries: int, max_bytes: int) -> None:
        """At most `max_entries` values that weigh at most `max_bytes` together."""
        share = self.PROTECTED_SHARE
        self._protected = _Segment[KeyT, ValueT](int(max_entries * share), int(max_bytes * share))
        self._probation = _Segment[KeyT, ValueT](
            max_entries - self._protected.max_entries, max_bytes - self._protected.max_bytes
        )

    def __len__(self) -> int:
        return len(self._protected.entries) + len(self._probation.entries)

    @property
    def bytes(self) -> int:
        """What all values weigh together."""
        return self._protected.bytes + self._probation.bytes

    def get(self, key: KeyT) -> ValueT | None:
        """The value, protected from now on; None if there is none."""
        protected = self._protected.entries
        found = protected.get(key)
        if found is not None:
            protected.move_to_end(key)
            return found[0]
        promoted = self._probation.take(key)
        if promoted is None:
            return None
        for demoted_key, (value, weight) in self._protected.put(key, *promoted):
            self._probation.put(demoted_key, value, weight)
        return promoted[0]

    def put(self, key: KeyT, value: ValueT, weight_bytes: int) -> None:
        """Keeps a value on probation; one too heavy for that is not kept at all."""
        self._protected.take(key)
        self._probation.take(key)
        if weight_bytes <= self._probation.max_bytes:
            self._probation.put(key, value, weight_bytes)


class _Segment(Generic[KeyT, ValueT]):
    """Values with their weights, least recently used first."""

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self.bytes = 0
        self.entries: OrderedDict[KeyT, tuple[ValueT, int]] = OrderedDict()

    def put(self, key: KeyT, value: ValueT, weight: int) -> list[tuple[KeyT, tuple[ValueT, int]]]:
        """Adds a value; gives what had to leave for it."""
        self.entries[key] = (value, weight)
        self.bytes += weight
        left = []
        while len(self.entries) > self.max_entries or self.bytes > self.max_bytes:
            entry = self.entries.popitem(last=False)
            self.bytes -= entry[1][1]
            left.append(entry)
        return left

    def take(self, key: KeyT) -> tuple[ValueT, int] | None:
        """Removes a value."""
        entry = self.entries.pop(key, None)
        if entry is not None:
            self.bytes -= entry[1]
        return entry
