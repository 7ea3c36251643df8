"""Rows that were read before, used again where the database says that they are still the same.

Nothing here is ever invalidated: it is validated, each time it is used, by a statement that gives
the versions of the rows that it would otherwise give whole, which costs both sides a part of it. As
that statement begins after its keys were asked for, what is used again is what would be read.

A version names one state of one row: in PostgreSQL, by table, key and the transaction that wrote it
("System Columns", `tableoid` and `xmin`; of several states that one transaction writes, others see
the last one only).
"""

from collections.abc import Callable, Hashable
from time import monotonic
from typing import Any

import msgspec

VERSION_BYTES = 16
GENERATION_SECONDS = 3600.0
"""Two of these are over long before PostgreSQL's transaction ids, 2^32 of them, come again."""
ANSWER_OVERHEAD_BYTES = 1000
ROW_OVERHEAD_BYTES = 700
"""What a row of a dozen columns takes at most, beside twice its text."""
WARM = 0.5
"""The share of answers found here from which on asking for versions first costs less."""
MOMENTUM = 0.8

_encode = msgspec.msgpack.Encoder().encode


class Memory:
    """Rows by version, and what was made of them: about `max_bytes`, what was used last.

    They are kept in two generations. What is used moves into the young one; when that takes half of
    the bytes, or is an hour old, it becomes the old one, and what was old is forgotten.
    """

    def __init__(self, max_bytes: int, clock: Callable[[], float] = monotonic) -> None:
        """`clock` gives seconds."""
        self._max_bytes = max_bytes
        self._clock = clock
        # Rows by version, and answers by what was asked.
        self._young: dict[Hashable, Any]
        self._begin_generation({})
        self._warmth: dict[Hashable, float] = {}

    def rows(self, versions: bytes) -> list[Any] | None:
        """The rows of versions that stand one after another; None if one of them is not known."""
        steps = range(0, len(versions), VERSION_BYTES)
        rows = [self._young.get(versions[at : at + VERSION_BYTES]) for at in steps]
        if all(rows):
            return rows
        rows = [self.row(versions[at : at + VERSION_BYTES]) for at in steps]
        return rows if all(rows) else None

    def row(self, version: bytes) -> Any | None:
        """The row of a version; None if it is not known."""
        row = self._young.get(version)
        if row is None and (row := self._old.pop(version, None)) is not None:
            self.keep(version, row)
        return row

    def keep(self, version: bytes, row: msgspec.Struct) -> None:
        """Remembers a row, which is never to be changed."""
        if version not in self._young:
            self._keep(version, row, ROW_OVERHEAD_BYTES + 2 * len(_encode(row)))

    def answer(self, asked: Hashable, versions: bytes) -> Any | None:
        """What was made of the rows of these very versions, in answer to the same; or None."""
        known = self._young.get(asked) or self._old.get(asked)
        return known[1] if known is not None and known[0] == versions else None

    def keep_answer(self, asked: Hashable, versions: bytes, answer: Any) -> None:
        """Remembers what was made of rows, which is never to be changed, for the next to ask."""
        self._keep(asked, (versions, answer), ANSWER_OVERHEAD_BYTES + 8 * len(versions))

    def _keep(self, key: Hashable, value: Any, size_bytes: int) -> None:
        if self._max_bytes == 0:
            return
        self._young[key] = value
        self._young_bytes += size_bytes
        if self._young_bytes > self._max_bytes // 2:
            self._begin_generation(self._young)

    def _begin_generation(self, old: dict[Hashable, Any]) -> None:
        self._old, self._young = old, {}
        self._young_bytes = 0
        self._ends_at = self._clock() + GENERATION_SECONDS

    def is_warm(self, source: Hashable) -> bool:
        """Whether a source is better asked for versions first.

        To be asked before anything is looked up: it also forgets what has become too old.
        """
        late_seconds = self._clock() - self._ends_at
        if late_seconds > 0:
            self._begin_generation({} if late_seconds > GENERATION_SECONDS else self._young)
        return self._warmth.get(source, 0.0) > WARM

    def learn(self, source: Hashable, known: int, asked: int) -> None:
        """That of so many answers of a source, so many could be made of rows that were known."""
        if asked and self._max_bytes:
            before = self._warmth.get(source, 0.0)
            self._warmth[source] = MOMENTUM * before + (1 - MOMENTUM) * known / asked
