"""The database snapshot that a batch was read in."""

from typing import NamedTuple


class Snapshot(NamedTuple):
    """Every transaction below `xmin` had ended when it was taken; 0 if `xmin` is not known.

    `history` names the history of the database that `xmin` belongs to; None if it is not known.
    """

    xmin: int
    history: str | None


UNKNOWN = Snapshot(0, None)
