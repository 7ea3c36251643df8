"""The part of the change log that a process keeps in memory, shared by all its readers."""

from itertools import groupby

from weft.bounded_cache import BoundedCache
from weft.bounds import CHANGES, Bound
from weft.changes.batch import Batch, encode_batch
from weft.changes.change import Change, Point
from weft.changes.log import BATCH_LIMIT

BYTES_PER_CHANGE = 500
BYTES_PER_ENCODED_BYTE = 2
"""Together more than a change takes: one with 214 bytes of JSON was measured to take 828."""

PAGE = BATCH_LIMIT
"""Positions of a page: the first begins with 1, the next with `PAGE` + 1, and so on."""


class _Page:
    """Consecutive changes of one page; not necessarily all of it."""

    __slots__ = ("batch", "bytes")

    def __init__(self, batch: Batch, change_bytes: float) -> None:
        self.batch = batch
        self.bytes = len(batch) * change_bytes

    def add(self, other: Batch, change_bytes: float) -> bool:
        """Appends another batch; returns False if it starts elsewhere or is of another history."""
        if not self.batch.holds(other.start):
            return False
        if self.batch.holds(other.end):
            return True
        added = other.after(self.batch.end)
        if added is None:
            return False
        self.batch.changes.extend(added)
        self.bytes += len(added) * change_bytes
        return True


class LogPages:
    """Changes by position, in pages whose bounds are the same for all readers.

    Holds what was read from the log and received from the relay, within the bound. Each page is of
    one history of the log, and is returned only after a point of that history.
    """

    def __init__(self, bound: Bound = CHANGES) -> None:
        self._pages: BoundedCache[int, _Page] = BoundedCache(bound)

    @property
    def bytes(self) -> int:
        """The estimated bytes of all changes kept here."""
        return self._pages.bytes

    def after(self, point: Point) -> list[Change] | None:
        """Returns the next changes of the same page; None if the first of them is not kept."""
        page = self._pages.get(point.position // PAGE)
        return (page and page.batch.after(point)) or None

    def remember(self, batch: Batch, encoded_bytes: int | None = None) -> None:
        """Keeps the changes of a batch; ignores a batch with gaps.

        `encoded_bytes` is the length of its JSON; without it, the batch is encoded to weigh it.
        """
        start = batch.start
        if not batch or batch.end.position - start.position != len(batch):
            return  # rows were deleted from the log
        if encoded_bytes is None:
            encoded_bytes = len(encode_batch(batch))
        change_bytes = BYTES_PER_CHANGE + BYTES_PER_ENCODED_BYTE * encoded_bytes / len(batch)
        for number, part in groupby(batch.changes, _page_number):
            changes = list(part)
            new = Batch(Point(start.position, start.mark), changes)
            self._keep(number, new, change_bytes)
            start = changes[-1]

    def _keep(self, number: int, new: Batch, change_bytes: float) -> None:
        page = self._pages.get(number)
        if page is None or not page.add(new, change_bytes):
            old, page = page, _Page(new, change_bytes)
            if old is not None:
                page.add(old.batch, old.bytes / len(old.batch))
        self._pages.put(number, page, round(page.bytes))


def _page_number(change: Change) -> int:
    return (change.position - 1) // PAGE
