"""Changes, as the log stores them and Redis carries them, and points of the log."""

import enum
from datetime import datetime
from typing import Any

import msgspec

MARK_BYTES = 6


class ChangeKind(enum.StrEnum):
    """What happened to a row."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    DELETED = "DELETED"


# A process keeps many. JSON values form no cycles, so the garbage collector can skip them.
class Point(msgspec.Struct, frozen=True, gc=False):
    """A place in one history of the log: a position, and the mark of the change there.

    A restored log continues from an earlier position with other changes. The mark, a digest of the
    change, tells them apart: two histories that share a point are identical up to it.
    """

    position: int
    mark: bytes

    def is_at(self, other: "Point") -> bool:
        """Whether position and mark are equal; `==` also compares a change's other fields."""
        return self.position == other.position and self.mark == other.mark


BEGINNING = Point(0, bytes(MARK_BYTES))
"""The point before the first change, in every history."""


class Change(Point, frozen=True, gc=False):
    """One committed write to one row; also its own point in the log.

    `position` counts all changes from 1 without a gap and is never assigned twice. `entity` is the
    GraphQL type of the row and `key` its id. `before` and `after` hold only the columns that were
    declared for the table, as JSON values; `before` is None when the row was created, `after` when
    it was deleted. `at` is the time of the write, not of the commit; `xid` is the id of its
    transaction.
    """

    entity: str
    key: int
    kind: ChangeKind
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    at: datetime
    xid: int
