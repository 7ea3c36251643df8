"""Whole answers, kept for as long as no fence is raised.

Where all values of an operation are cached, and each is valid in one version of all fences
(`weft.cache.validity`), the same operation has the same answer for every reader that finds that
version, until the first of the values expires.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import msgspec

from weft.bounded_cache import BoundedCache
from weft.bounds import WHOLE_ANSWERS
from weft.cache.entry import Entry
from weft.memory_weight import weight_of

OVERHEAD_BYTES = 300
"""Bytes that an answer takes beside its key, its text and the hits of its fields."""
HIT_BYTES = 150


class Taken(NamedTuple):
    """The entries and values of one call of a cached resolver that the cache answered in full."""

    coordinate: str
    entries: Sequence[Entry]
    values: Sequence[Any]


class WholeAnswer(NamedTuple):
    """An answer as encoded JSON, and the number of its cached values by field."""

    data: msgspec.Raw
    hits: list[tuple[str, int]]


class Answers:
    """Whole answers of the newest version of the fences; a new version evicts all others."""

    def __init__(
        self, wall_clock: Callable[[], float], max_bytes: int = WHOLE_ANSWERS.max_bytes
    ) -> None:
        self._kept: BoundedCache[Hashable, WholeAnswer] = BoundedCache(
            WHOLE_ANSWERS.of(max_bytes), wall_clock
        )
        self._version: bytes | None = None

    @property
    def weight_bytes(self) -> int:
        """Bytes of all answers together."""
        return self._kept.bytes

    def find(self, key: Hashable, version: bytes | None) -> WholeAnswer | None:
        """Returns the answer in a version of the fences, or None."""
        if version is None or version != self._version:
            return None
        return self._kept.get(key)

    def keep(
        self,
        key: Hashable,
        version: bytes | None,
        taken: Sequence[Taken],
        data: bytes,
    ) -> None:
        """Keeps an answer if all values taken for it are valid in this version and unchanged."""
        pairs = [pair for one in taken for pair in zip(one.entries, one.values, strict=True)]
        if version is None or not all(
            entry.counted_in == version and entry.value is value for entry, value in pairs
        ):
            return
        if version != self._version:
            self._begin(version)
        expires_at = min((entry.expires_at for entry, _ in pairs), default=0.0)
        hits = [(one.coordinate, len(one.values)) for one in taken]
        weight = OVERHEAD_BYTES + weight_of(key) + weight_of(data) + HIT_BYTES * len(hits)
        self._kept.put(key, WholeAnswer(msgspec.Raw(data), hits), weight, expires_at)

    def clear(self) -> None:
        """Evicts all answers."""
        self._begin(None)

    def _begin(self, version: bytes | None) -> None:
        self._version = version
        self._kept.clear()
