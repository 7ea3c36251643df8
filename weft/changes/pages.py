"""The part of the change log that a process has in memory, for all who read it."""

from itertools import groupby

from weft.bounded_cache import BoundedCache
from weft.bounds import CHANGES, Bound
from weft.changes.change import Change, encode_changes
from weft.changes.log import BATCH_LIMIT

BYTES_PER_CHANGE = 500
BYTES_PER_ENCODED_BYTE = 2
"""Together more than a change takes: one that has 214 bytes of JSON, was measured to take 828."""

PAGE = BATCH_LIMIT
"""Positions of a page: the first begins with 1, the next with `PAGE` + 1, and so on."""


class _Page:
    """Changes of one page, without a gap; not all of it need be there."""

    __slots__ = ("bytes", "changes")

    def __init__(self, changes: list[Change]) -> None:
        self.changes = changes
        self.bytes = _weight(changes)

    @property
    def first(self) -> int:
        return self.changes[0].position

    @property
    def last(self) -> int:
        return self.changes[-1].position

    def add(self, changes: list[Change]) -> None:
        """Goes on with changes of which some may be there already."""
        added = changes[self.last + 1 - changes[0].position :]
        self.changes += added
        self.bytes += _weight(added)

    def meets(self, other: "_Page") -> bool:
        """Whether the other begins in this one, or where it ends."""
        return self.first <= other.first <= self.last + 1


class LogPages:
    """Changes by position, in pages that start where they do for everybody.

    Holds what was read and what was heard, within the bound. Rows of the log are never rewritten
    and are dropped by age only, so what is in here stays true for as long as the log is the same.
    """

    def __init__(self, bound: Bound = CHANGES) -> None:
        self._pages: BoundedCache[int, _Page] = BoundedCache(bound)

    @property
    def bytes(self) -> int:
        """What all changes in here take, estimated."""
        return self._pages.bytes

    def after(self, position: int) -> list[Change] | None:
        """The changes that follow in the same page; None if the next one is not in here."""
        page = self._pages.get(position // PAGE)
        if page is None or not page.first - 1 <= position < page.last:
            return None
        return page.changes[position + 1 - page.first :]

    def remember(self, changes: list[Change]) -> None:
        """Keeps changes that follow one another without a gap."""
        if not changes or changes[-1].position - changes[0].position != len(changes) - 1:
            return
        number = _page_number(changes[0])
        if number == _page_number(changes[-1]):
            self._keep(number, _Page(list(changes)))
            return
        for number, part in groupby(changes, _page_number):
            self._keep(number, _Page(list(part)))

    def _keep(self, number: int, new: _Page) -> None:
        page = self._pages.get(number)
        if page is not None and page.meets(new):
            page.add(new.changes)
        else:
            if page is not None and new.meets(page):
                new.add(page.changes)
            page = new
        self._pages.put(number, page, page.bytes)


def _page_number(change: Change) -> int:
    return (change.position - 1) // PAGE


def _weight(changes: list[Change]) -> int:
    return len(changes) * BYTES_PER_CHANGE + len(encode_changes(changes)) * BYTES_PER_ENCODED_BYTE
