"""How far a loader reads for one key, which decides on which connections it is loaded."""

import enum


class Reach(enum.IntEnum):
    """The rows that are read for one key, however few are returned; a further reach is greater."""

    PAGE = 1
    """As many as are returned, or a fixed number, found by an index in its order.

    Such keys of all operations are joined, on the connections of ordinary reads.
    """
    PARENT = 2
    """All rows of one parent. Loaded apart, all keys of one call in one statement."""
    TABLE = 3
    """All rows that meet a condition, or a whole table. Loaded apart, each key in a statement."""

    @property
    def weight(self) -> int:
        """The cost of a field that is loaded with this reach: see `weft.execution.cost`."""
        return _WEIGHTS[self]


# A page of twenty rows costs about 40.
_WEIGHTS = {Reach.PAGE: 1, Reach.PARENT: 20, Reach.TABLE: 1_000}
