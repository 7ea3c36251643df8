"""Values that are given again as the same objects."""

from typing import ClassVar


class Remembered:
    """A value that is never changed, and that somebody may remember and give again.

    Its `__dict__` (a struct has one by `dict=True`) is the executor's, for what selections made of
    the value, at most `room_bytes` of text: see `weft.execution.rendering`.
    """

    __slots__ = ()

    room_bytes: ClassVar[int] = 500
