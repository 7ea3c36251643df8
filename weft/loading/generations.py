"""Values by key in a bounded number of bytes, of which the oldest are forgotten together."""

from collections.abc import Hashable, Iterable
from typing import Any


class Generations:
    """Values by key, none of them false: about `max_bytes` of them.

    For rows by version, of which a load looks up hundreds at once: nothing is done for a row that
    is found. Everything else is kept in `weft.bounded_cache`.

    The young ones become the old ones when they take half of the bytes, and what was old is
    forgotten. What is used stays where it is: to move it would cost each use, and who kept it
    can make it again.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._old: dict[Hashable, Any] = {}
        self._young: dict[Hashable, Any] = {}
        self._young_bytes = 0

    def get(self, key: Hashable) -> Any | None:
        """The value of a key; None if there is none."""
        return self._young.get(key) or self._old.get(key)

    def get_all(self, keys: Iterable[Hashable]) -> list[Any | None]:
        """The values of keys, in their order."""
        keys = list(keys)
        found = list(map(self._young.get, keys))
        return found if all(found) else list(map(self.get, keys))

    def keep(self, key: Hashable, value: Any, size_bytes: int) -> bool:
        """Keeps a value that takes so many bytes; whether the old ones were forgotten for it."""
        if self._max_bytes == 0:
            return False
        self._young[key] = value
        self._young_bytes += size_bytes
        is_full = self._young_bytes > self._max_bytes // 2
        if is_full:
            self.age()
        return is_full

    def age(self) -> None:
        """The young become the old, and what was old is forgotten."""
        self._old, self._young = self._young, {}
        self._young_bytes = 0

    def clear(self) -> None:
        """Forgets all."""
        self._old, self._young = {}, {}
        self._young_bytes = 0
