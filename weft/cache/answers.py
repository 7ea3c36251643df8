"""Whole answers, kept as long as nobody writes.

Where all that an operation asks for is cached, and each value counts in one version of all fences
(`weft.cache.judge`), the same operation has the same answer for whoever finds that version, until
the first of the values expires.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import msgspec

from weft.cache.entry import Entry

MAX_BYTES = 16 * 1024 * 1024
OVERHEAD_BYTES = 1_000


class Taken(NamedTuple):
    """What one call of a cached resolver was answered with, out of the cache alone."""

    coordinate: str
    entries: Sequence[Entry]
    values: Sequence[Any]


class Answer(NamedTuple):
    """An answer as it goes out, when it ends, and how many values each field has in it."""

    data: msgspec.Raw
    expires_at: float
    hits: list[tuple[str, int]]


class Answers:
    """Those of the last version; those of the one before are forgotten."""

    def __init__(self, wall_clock: Callable[[], float], max_bytes: int = MAX_BYTES) -> None:
        self._wall_clock = wall_clock
        self._max_bytes = max_bytes
        self._begin(None)

    def find(self, key: Hashable, version: bytes | None) -> Answer | None:
        """The answer in a version; None if none is known."""
        if version is None or version != self._version:
            return None
        answer = self._kept.get(key)
        return answer if answer and answer.expires_at > self._wall_clock() else None

    def keep(
        self,
        key: Hashable,
        version: bytes | None,
        taken: Sequence[Taken],
        data: bytes,
    ) -> None:
        """Remembers an answer, if all that was taken for it counts in this version as it was."""
        pairs = [pair for one in taken for pair in zip(one.entries, one.values, strict=True)]
        if version is None or not all(
            entry.counted_in == version and entry.value is value for entry, value in pairs
        ):
            return
        if version != self._version or self._bytes > self._max_bytes:
            self._begin(version)
        expires_at = min((entry.expires_at for entry, _ in pairs), default=0.0)
        hits = [(one.coordinate, len(one.values)) for one in taken]
        self._kept[key] = Answer(msgspec.Raw(data), expires_at, hits)
        self._bytes += len(data) + OVERHEAD_BYTES

    def clear(self) -> None:
        """Forgets all."""
        self._begin(None)

    def _begin(self, version: bytes | None) -> None:
        self._version = version
        self._kept: dict[Hashable, Answer] = {}
        self._bytes = 0
