"""What a value was read in: the oldest snapshot that went into it."""

from weft.loading.snapshot import Snapshot

UNREAD = 2**63


class SnapshotBound:
    """The least xmin of all batches that were loaded; 0 once one of them could not tell."""

    __slots__ = ("_history", "xmin")

    def __init__(self, history: str | None) -> None:
        """What is read in another history than this one is of no use to the value."""
        self._history = history
        self.xmin = UNREAD

    def note(self, snapshot: Snapshot) -> None:
        """A batch was read in this snapshot."""
        self.xmin = min(self.xmin, snapshot.xmin) if snapshot.history == self._history else 0

    def spoil(self) -> None:
        """The value must not be stored."""
        self.xmin = 0

    @property
    def known(self) -> bool:
        """Whether something was read, and every snapshot is known."""
        return 0 < self.xmin < UNREAD
