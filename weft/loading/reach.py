"""How far a loader reads for one key: what decides on which connections it is loaded."""

import enum


class Reach(enum.IntEnum):
    """The rows that are read for one key, whatever it gives of them; the further, the greater."""

    PAGE = 1
    """As many as it gives, or a number that is fixed: found by an index, in its order.

    Such keys of all operations are joined, on the connections of ordinary reads.
    """
    PARENT = 2
    """All that belong to one parent. Loaded apart; the keys of one call go in one statement."""
    TABLE = 3
    """All that a condition finds, or a whole table. Loaded apart, each key by its own statement."""

    @property
    def weight(self) -> int:
        """What a field costs that is loaded so: see `weft.execution.cost`."""
        return _WEIGHTS[self]


# A page of twenty rows costs about 40.
_WEIGHTS = {Reach.PAGE: 1, Reach.PARENT: 20, Reach.TABLE: 1_000}
