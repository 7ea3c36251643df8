"""A cache of values by key, bounded by bytes, which evicts the oldest values together."""

from collections.abc import Hashable, Iterable
from typing import Any


class Generations:
    """A cache of two generations in about `max_bytes`. Values must be truthy.

    For rows by version, of which a load looks up hundreds at once: a hit costs no bookkeeping.
    Everything else is kept in `weft.bounded_cache`.

    When the young generation takes half of the bytes it becomes the old one, and the old one is
    evicted. Reads promote nothing: that would cost at each read, and an evicted value can be made
    a second time.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._old: dict[Hashable, Any] = {}
        self._young: dict[Hashable, Any] = {}
        self._young_bytes = 0

    def get(self, key: Hashable) -> Any | None:
        """Returns the value of a key, or None."""
        return self._young.get(key) or self._old.get(key)

    def get_all(self, keys: Iterable[Hashable]) -> list[Any | None]:
        """Returns the values of keys, in order; None for a missing one."""
        keys = list(keys)
        found = list(map(self._young.get, keys))
        return found if all(found) else list(map(self.get, keys))

    def keep(self, key: Hashable, value: Any, size_bytes: int) -> bool:
        """Keeps a value of `size_bytes`; returns whether the old generation was evicted for it."""
        if self._max_bytes == 0:
            return False
        self._young[key] = value
        self._young_bytes += size_bytes
        is_full = self._young_bytes > self._max_bytes // 2
        if is_full:
            self.age()
        return is_full

    def age(self) -> None:
        """Evicts the old generation; the young one becomes the old one."""
        self._old, self._young = self._young, {}
        self._young_bytes = 0

    def clear(self) -> None:
        """Evicts all."""
        self._old, self._young = {}, {}
        self._young_bytes = 0
