"""Rows that were read before, used again where the database says that they are still the same.

Nothing here is ever invalidated: it is validated, each time it is used, by a statement that gives
the versions of the rows that it would otherwise give whole, which costs both sides a part of it. As
that statement begins after its keys were asked for, what is used again is what would be read.

A version names one state of one row: in PostgreSQL, by table, key and the transaction that wrote it
("System Columns", `tableoid` and `xmin`; of several states that one transaction writes, others see
the last one only).
"""

from collections.abc import Callable, Hashable
from itertools import chain
from struct import iter_unpack
from time import monotonic
from typing import Any

import msgspec

from weft.bounded_cache import BoundedCache
from weft.bounds import ROWS
from weft.declare.remembered import Remembered, kept_bytes
from weft.loading.generations import Generations
from weft.memory_weight import weight_of

VERSION_BYTES = 16
VERSION_FORMAT = f"{VERSION_BYTES}s"
GENERATION_SECONDS = 3600.0
"""Two of these are over long before PostgreSQL's transaction ids, 2^32 of them, come again."""
ANSWER_SHARE = 0.25
WARM = 0.5
"""The share of answers found here from which on asking for versions first costs less."""
MOMENTUM = 0.8

_encode = msgspec.json.Encoder().encode


class Memory:
    """Rows by version, and what was made of them: about `max_bytes` that were read last.

    What was read two hours ago is forgotten in any case.
    """

    def __init__(self, max_bytes: int, clock: Callable[[], float] = monotonic) -> None:
        """`clock` gives seconds."""
        self._max_bytes = max_bytes
        self._clock = clock
        self._ends_at = clock() + GENERATION_SECONDS
        answer_bytes = int(max_bytes * ANSWER_SHARE)
        self._answers: BoundedCache[Hashable, tuple[bytes, Any]] = BoundedCache(
            ROWS.of(answer_bytes)
        )
        self._rows = Generations(max_bytes - answer_bytes)
        self._warmth: dict[Hashable, float] = {}

    def rows(self, versions: bytes) -> list[Any] | None:
        """The rows of versions that stand one after another; None if one of them is not known."""
        each = chain.from_iterable(iter_unpack(VERSION_FORMAT, versions))
        rows = self._rows.get_all(each)
        return rows if all(rows) else None

    def row(self, version: bytes) -> Any | None:
        """The row of a version; None if it is not known."""
        return self._rows.get(version)

    def keep(self, version: bytes, row: msgspec.Struct) -> None:
        """Remembers a row, which is never to be changed."""
        text = _encode(row)
        size_bytes = kept_bytes(row, len(text), is_ascii=text.isascii())
        if self._rows.keep(version, row, size_bytes):
            # They would hold rows that are forgotten, and not counted any more.
            self._answers.clear()

    def answer(self, asked: Hashable, versions: bytes) -> Any | None:
        """What was made of the rows of these very versions, in answer to the same; or None."""
        known = self._answers.get(asked)
        return known[1] if known is not None and known[0] == versions else None

    def keep_answer(self, asked: Hashable, versions: bytes, answer: Any) -> None:
        """Remembers what was made of known rows, which is never to be changed, for the next to ask.

        Its rows are those that are known and counted already. What is asked once takes no room of
        what is asked again: see `BoundedCache`.
        """
        size_bytes = weight_of(asked) + weight_of(versions)
        if isinstance(answer, Remembered):
            size_bytes += answer.own_bytes
        self._answers.put(asked, (versions, answer), size_bytes)

    def is_warm(self, source: Hashable) -> bool:
        """Whether a source is better asked for versions first.

        To be asked before anything is looked up: it also forgets what has become too old.
        """
        late_seconds = self._clock() - self._ends_at
        if late_seconds > 0:
            for _ in range(1 if late_seconds <= GENERATION_SECONDS else 2):
                self._rows.age()
            self._answers.clear()
            self._ends_at = self._clock() + GENERATION_SECONDS
        return self._warmth.get(source, 0.0) > WARM

    def learn(self, source: Hashable, known: int, asked: int) -> None:
        """That of so many answers of a source, so many could be made of rows that were known."""
        if asked and self._max_bytes:
            before = self._warmth.get(source, 0.0)
            self._warmth[source] = MOMENTUM * before + (1 - MOMENTUM) * known / asked
