"""Reads of the log for listeners that are behind: shared, in turns, and charged."""

import asyncio

from weft.changes.batch import Batch
from weft.changes.change import Change, Point
from weft.changes.log import OpenLog
from weft.changes.pages import PAGE, LogPages
from weft.changes.reader import LogReader
from weft.rates.budget import Client
from weft.rates.turns import Turns

CHANGES_PER_COST = 10
"""A page costs 1, plus 1 for this many changes in it: each is examined for each reader."""
MOST_PATIENCE = 100
"""Pages of the same client's shorter resumes that may go before one of a long resume."""

_ITSELF = Client(None, None)


class Replays:
    """Returns pages of the log, one at a time.

    A page that was read for one reader is kept for all. Since pages are returned one after another,
    readers that need the same page read it once. Clients take turns (`Turns`), and within a client
    the readers with the least left to read go first.

    A kept page may since have been pruned from the log or replaced by another history. So it is
    returned only if the log still contains its last change and everything after the reader's point;
    one such check serves all readers that were waiting before it was made.
    """

    def __init__(self, open_log: OpenLog) -> None:
        self._log = LogReader(open_log)
        self._pages = LogPages()
        self._turns = Turns(1)
        self._checked: tuple[Point, int | None] | None = None
        self._times_asked = 0

    async def after(self, point: Point, head: int, client: Client | None) -> list[Change]:
        """Returns the changes after `point` up to the end of their page; empty if it is the last.

        `head` is the last known position; `client` None is the server itself. Raises CursorExpired
        if some of the changes were pruned or the log does not contain `point`, and what reading
        raises.
        """
        times_asked = self._times_asked
        patience = min(max(head - point.position, 0) // PAGE, MOST_PATIENCE)
        await self._turns.enter((client or _ITSELF).turn, patience=patience)
        try:
            page = self._pages.after(point)
            if page is None or not await self._is_kept(point, page[-1], times_asked):
                return await self._read(point)
            await asyncio.sleep(0)  # at most one page is examined in one turn of the event loop
            return page
        finally:
            self._turns.leave()

    def remember(self, batch: Batch, encoded_bytes: int | None) -> None:
        """Keeps a received batch for later readers; see `LogPages.remember`."""
        self._pages.remember(batch, encoded_bytes)

    def forget(self) -> None:
        """Drops all kept pages."""
        self._pages = LogPages()

    async def aclose(self) -> None:
        """Closes the log."""
        await self._log.aclose()

    async def _is_kept(self, point: Point, end: Point, times_asked: int) -> bool:
        """Whether a check since the caller's arrival found all from `point` to `end` in the log."""
        checked = self._checked
        if checked is None or not checked[0].is_at(end) or self._times_asked == times_asked:
            self._checked = None
            self._times_asked += 1
            self._checked = checked = end, await self._log.horizon(end)
        horizon = checked[1]
        return horizon is not None and horizon <= point.position

    async def _read(self, point: Point) -> list[Change]:
        pages = self._pages
        page = await self._log.after(point, page_start=point.position - point.position % PAGE)
        pages.remember(page)
        return [change for change in page.changes if change.position > point.position]


def cost_of_page(position: int, head: int) -> int:
    """Returns the cost of the page of changes after `position`; `head` is the last position."""
    reach = min(head, position - position % PAGE + PAGE)
    return 1 + max(reach - position, 0) // CHANGES_PER_COST
