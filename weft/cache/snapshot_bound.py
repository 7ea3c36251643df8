"""The oldest of the snapshots that a value was read in."""

from weft.loading.snapshot import Snapshot

UNREAD = 2**63


class SnapshotBound:
    """The least `xmin` of all batches that were loaded; 0 once that of one batch is unknown."""

    __slots__ = ("_history", "xmin")

    def __init__(self, history: str | None) -> None:
        """A batch that was read in another history than this one also makes `xmin` 0."""
        self._history = history
        self.xmin = UNREAD

    def note(self, snapshot: Snapshot) -> None:
        """Records the snapshot of a batch."""
        self.xmin = min(self.xmin, snapshot.xmin) if snapshot.history == self._history else 0

    def spoil(self) -> None:
        """Makes `xmin` 0: the value must not be stored."""
        self.xmin = 0

    @property
    def known(self) -> bool:
        """Whether at least one batch was read, and the snapshot of each is known."""
        return 0 < self.xmin < UNREAD
