"""Which snapshot of the database something was read in."""

from typing import NamedTuple


class Snapshot(NamedTuple):
    """Every transaction below `xmin` had ended; 0 if that is not known.

    `history` names the history of transaction ids that `xmin` is one of; None if it is not known.
    """

    xmin: int
    history: str | None


UNKNOWN = Snapshot(0, None)
