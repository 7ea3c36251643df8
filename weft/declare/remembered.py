"""Immutable rows and pages that a process reuses as the same objects, and their bytes in memory."""

from typing import Any

from weft.memory_weight import weight_of

ROW_OVERHEAD_BYTES = 700
"""Most bytes of a row of a dozen columns, besides a multiple of its encoded bytes."""
ROW_ROOM_BYTES = 500
TEXTS_OVERHEAD_BYTES = 350
"""Bytes that it takes to keep texts with a value, besides the texts."""
ASCII_FACTOR = 2
OTHER_FACTOR = 5
"""One character beyond U+FFFF makes each of a text four bytes, and a UTF-8 copy may be kept with
it."""


class Remembered:
    """An immutable value that a process may keep and return again as the same object.

    Its `__dict__` (a struct has one by `dict=True`) is the executor's, for the JSON that selections
    made of the value, at most `room_bytes` of it: see `weft.execution.rendering`.
    """

    __slots__ = ()

    @property
    def room_bytes(self) -> int:
        """Bytes that a cache of the value counts for its texts, besides the value."""
        return ROW_ROOM_BYTES

    @property
    def own_bytes(self) -> int:
        """Most bytes of the value without its rows, besides a multiple of its encoded bytes."""
        return ROW_OVERHEAD_BYTES + TEXTS_OVERHEAD_BYTES + self.room_bytes

    @property
    def overhead_bytes(self) -> int:
        """The same including the rows that it holds."""
        return self.own_bytes


def kept_bytes(value: Any, encoded_bytes: int, *, is_ascii: bool = False) -> int:
    """Returns the bytes of keeping a value of `encoded_bytes` as MessagePack or JSON."""
    if not isinstance(value, Remembered):
        return weight_of(value)
    return value.overhead_bytes + (ASCII_FACTOR if is_ascii else OTHER_FACTOR) * encoded_bytes
