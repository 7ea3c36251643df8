"""Reading the log for those who are behind: shared, in turns, and charged."""

import asyncio

from weft.changes.batch import Batch
from weft.changes.change import Change, Point
from weft.changes.log import OpenLog
from weft.changes.pages import PAGE, LogPages
from weft.changes.reader import LogReader
from weft.rates.budget import Client
from weft.rates.turns import Turns

CHANGES_PER_COST = 10
"""A page costs 1, and 1 more for so many changes in it: each is looked at for each reader."""
MOST_PATIENCE = 100
"""So many pages of its own client's shorter resumes may go before one of a long resume."""

_ITSELF = Client(None, None)


class Replays:
    """Gives pages of the log, one at a time.

    What was read for one reader is there for all. Since pages are given one after another, readers
    that need the same page read it once. Clients take turns (`Turns`), and within a client those
    who have the shortest way to go are served first.

    What is remembered may have gone from the log since, or another history may have taken its
    place. So a page out of memory is given only if the log still goes through its last change and
    keeps all that follows the reader's point; one answer of the log will do for all who came before
    it was asked.
    """

    def __init__(self, open_log: OpenLog) -> None:
        self._log = LogReader(open_log)
        self._pages = LogPages()
        self._turns = Turns(1)
        self._checked: tuple[Point, int | None] | None = None
        self._times_asked = 0

    async def after(self, point: Point, head: int, client: Client | None) -> list[Change]:
        """The changes after `point`, as far as their page goes; none if it is the last.

        `head` is the last position that is known; no client is the server itself. Raises
        CursorExpired if some of the changes are gone or the log does not go through `point`, and
        whatever reading raises.
        """
        times_asked = self._times_asked
        patience = min(max(head - point.position, 0) // PAGE, MOST_PATIENCE)
        await self._turns.enter((client or _ITSELF).turn, patience=patience)
        try:
            page = self._pages.after(point)
            if page is None or not await self._is_kept(point, page[-1], times_asked):
                return await self._read(point)
            await asyncio.sleep(0)  # what is looked at in one turn of the event loop is one page
            return page
        finally:
            self._turns.leave()

    def remember(self, batch: Batch, encoded_bytes: int | None) -> None:
        """Keeps what was heard, for readers to come: as `LogPages.remember`."""
        self._pages.remember(batch, encoded_bytes)

    def forget(self) -> None:
        """Drops what is remembered."""
        self._pages = LogPages()

    async def aclose(self) -> None:
        """Ends the reading."""
        await self._log.aclose()

    async def _is_kept(self, point: Point, end: Point, times_asked: int) -> bool:
        """Whether the log has all from `point` to `end`, by an answer to a later question."""
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
    """What it costs to be given the changes after `position`, of which `head` is the last."""
    reach = min(head, position - position % PAGE + PAGE)
    return 1 + max(reach - position, 0) // CHANGES_PER_COST
