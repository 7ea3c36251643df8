"""Keeps rows that were read, to use them where the database confirms that they are unchanged.

Nothing here is ever invalidated: it is validated at each use, by a statement that returns the
versions of the rows instead of the rows, which costs both sides a fraction. That statement begins
after its keys were submitted, so a confirmed row is the one that would be read.

A version names one state of one row: in PostgreSQL, by table, key and the transaction that wrote it
("System Columns", `tableoid` and `xmin`; of several states that one transaction writes, others see
only the last).
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
"""Two of these end long before PostgreSQL's 2^32 transaction ids are used up and repeat."""
ANSWER_SHARE = 0.25
WARM = 0.5
"""Ask for versions first once more than this share of recent answers came from here."""
MOMENTUM = 0.8

_encode = msgspec.json.Encoder().encode


class Memory:
    """Rows by version, and answers made of them: the last that were read, in about `max_bytes`.

    Rows are evicted at the latest two hours after they were read.
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
        """Returns the rows of concatenated versions; None if one row is not known."""
        each = chain.from_iterable(iter_unpack(VERSION_FORMAT, versions))
        rows = self._rows.get_all(each)
        return rows if all(rows) else None

    def row(self, version: bytes) -> Any | None:
        """Returns the row of a version, or None."""
        return self._rows.get(version)

    def keep(self, version: bytes, row: msgspec.Struct) -> None:
        """Keeps a row, which must never be changed."""
        text = _encode(row)
        size_bytes = kept_bytes(row, len(text), is_ascii=text.isascii())
        if self._rows.keep(version, row, size_bytes):
            # Answers would hold evicted rows, whose bytes are no longer counted.
            self._answers.clear()

    def answer(self, asked: Hashable, versions: bytes) -> Any | None:
        """Returns the answer kept for `asked` if it was made of exactly these versions, or None."""
        known = self._answers.get(asked)
        return known[1] if known is not None and known[0] == versions else None

    def keep_answer(self, asked: Hashable, versions: bytes, answer: Any) -> None:
        """Keeps an answer made of rows that are kept here. It must never be changed.

        The bytes of its rows are counted already. Answers used once do not evict those that are
        used repeatedly: see `BoundedCache`.
        """
        size_bytes = weight_of(asked) + weight_of(versions)
        if isinstance(answer, Remembered):
            size_bytes += answer.own_bytes
        self._answers.put(asked, (versions, answer), size_bytes)

    def is_warm(self, source: Hashable) -> bool:
        """Whether to read the versions of a source first.

        Must be called before any lookup: it also evicts what has become too old.
        """
        late_seconds = self._clock() - self._ends_at
        if late_seconds > 0:
            for _ in range(1 if late_seconds <= GENERATION_SECONDS else 2):
                self._rows.age()
            self._answers.clear()
            self._ends_at = self._clock() + GENERATION_SECONDS
        return self._warmth.get(source, 0.0) > WARM

    def learn(self, source: Hashable, known: int, asked: int) -> None:
        """Records that of `asked` answers of a source, `known` could be made of kept rows."""
        if asked and self._max_bytes:
            before = self._warmth.get(source, 0.0)
            self._warmth[source] = MOMENTUM * before + (1 - MOMENTUM) * known / asked
