"""Values that are given again as the same objects, and what keeping them takes."""

from typing import Any

from weft.memory_weight import weight_of

ROW_OVERHEAD_BYTES = 700
"""What a row of a dozen columns takes at most, beside a multiple of its encoded bytes."""
ROW_ROOM_BYTES = 500
TEXTS_OVERHEAD_BYTES = 350
"""What it takes to keep texts with a value, beside the texts."""
ASCII_FACTOR = 2
OTHER_FACTOR = 5
"""One letter beyond U+FFFF makes each of a text four bytes, and a UTF-8 copy may stay with it."""


class Remembered:
    """A value that is never changed, and that somebody may remember and give again.

    Its `__dict__` (a struct has one by `dict=True`) is the executor's, for what selections made of
    the value, at most `room_bytes` of text: see `weft.execution.rendering`.
    """

    __slots__ = ()

    @property
    def room_bytes(self) -> int:
        """What whoever remembers the value counts for its texts, beside the value."""
        return ROW_ROOM_BYTES

    @property
    def own_bytes(self) -> int:
        """What the value takes at most, beside a multiple of its encoded bytes, without rows."""
        return ROW_OVERHEAD_BYTES + TEXTS_OVERHEAD_BYTES + self.room_bytes

    @property
    def overhead_bytes(self) -> int:
        """The same with the rows that it holds."""
        return self.own_bytes


def kept_bytes(value: Any, encoded_bytes: int, *, is_ascii: bool = False) -> int:
    """What it takes to keep a value that takes so many bytes as MessagePack or JSON."""
    if not isinstance(value, Remembered):
        return weight_of(value)
    return value.overhead_bytes + (ASCII_FACTOR if is_ascii else OTHER_FACTOR) * encoded_bytes
