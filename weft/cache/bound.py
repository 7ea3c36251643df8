"""What a value was read in: the oldest snapshot that went into it."""

UNREAD = 2**63


class SnapshotBound:
    """The least xmin of all batches that were loaded; 0 once one of them could not tell."""

    __slots__ = ("xmin",)

    def __init__(self) -> None:
        self.xmin = UNREAD

    def note(self, xmin: int) -> None:
        """A batch was read in a snapshot of this xmin; 0 if it is not known."""
        self.xmin = min(self.xmin, xmin)

    def spoil(self) -> None:
        """The value must not be stored."""
        self.xmin = 0

    @property
    def known(self) -> bool:
        """Whether something was read, and every snapshot is known."""
        return 0 < self.xmin < UNREAD
