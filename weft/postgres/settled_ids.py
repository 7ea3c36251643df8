"""Which changes of the log have their positions for sure."""


class SettledIds:
    """The id up to which no change can still be pending.

    Every change that was ever pending leaves a dead entry in the index of pending ones until vacuum
    takes it, which a long transaction elsewhere prevents, such as a backup. Without this bound each
    search would step over all of them.

    The transaction that assigned a batch drew its `xid` after its snapshot was taken; hence all ids
    up to the batch's highest were drawn by transactions below `xid`. Once a later search has found
    all there was in a snapshot whose `xmin` is that far, all of them had ended and were seen.
    """

    def __init__(self) -> None:
        self.up_to = 0
        self._candidate: tuple[int, int] | None = None

    def learn(self, *, highest_id: int, xid: int, xmin: int, is_all: bool) -> None:
        """A batch has positions now, by transaction `xid`; it was found in a snapshot of `xmin`.

        `is_all`: nothing else was pending there.
        """
        if self._candidate is not None and is_all and xmin >= self._candidate[1]:
            self.up_to = self._candidate[0]
            self._candidate = None
        if self._candidate is None:
            self._candidate = (highest_id, xid)
