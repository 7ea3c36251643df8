"""Values that are given again as the same objects."""

ROW_ROOM_BYTES = 500


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
