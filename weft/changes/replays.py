"""Reading the log for those who are behind: shared, in turns, and charged."""

import asyncio

from weft.changes.change import Change
from weft.changes.errors import CursorExpired
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

    What is remembered may have gone from the log since. So before its first page, a reader asks the
    log whether it still has what follows; one answer will do for all who came before it was asked.
    """

    def __init__(self, open_log: OpenLog) -> None:
        self._log = LogReader(open_log)
        self._pages = LogPages()
        self._turns = Turns(1)
        self._bounds: tuple[int, int] | None = None
        self._times_asked = 0

    async def after(
        self, position: int, head: int, client: Client | None, *, is_first: bool
    ) -> list[Change]:
        """The changes after `position`, as far as their page goes; none if it is the last.

        `head` is the last position that is known; no client is the server itself. Raises
        CursorExpired if some of the changes are gone or the position was never assigned, and
        whatever reading raises.
        """
        times_asked = self._times_asked
        patience = min(max(head - position, 0) // PAGE, MOST_PATIENCE)
        await self._turns.enter((client or _ITSELF).turn, patience=patience)
        try:
            page = self._pages.after(position)
            if page is None:
                return await self._read(position)
            if is_first:
                await self._check(position, times_asked)
            await asyncio.sleep(0)  # what is looked at in one turn of the event loop is one page
            return page
        finally:
            self._turns.leave()

    def remember(self, changes: list[Change]) -> None:
        """Keeps what was heard, for readers to come."""
        self._pages.remember(changes)

    def forget(self) -> None:
        """Drops what is remembered, since the log may not be the one it was."""
        self._pages = LogPages()

    async def aclose(self) -> None:
        """Ends the reading."""
        await self._log.aclose()

    async def _check(self, position: int, times_asked: int) -> None:
        """Raises CursorExpired by an answer of the log to what was asked later than that."""
        if self._bounds is None or self._times_asked == times_asked:
            self._bounds = None
            self._times_asked += 1
            self._bounds = await self._log.bounds()
        first, last = self._bounds
        if not first <= position <= last:
            raise CursorExpired

    async def _read(self, position: int) -> list[Change]:
        pages = self._pages
        page = await self._page(position)
        pages.remember(page)
        return [change for change in page if change.position > position]

    async def _page(self, position: int) -> list[Change]:
        """The whole page; without its beginning if that is gone already."""
        start = position - position % PAGE
        try:
            page = await self._log.after(start)
        except CursorExpired:
            if start == position:
                raise
            return await self._log.after(position)
        if start < position and not (page and page[-1].position >= position):
            raise CursorExpired
        return page


def cost_of_page(position: int, head: int) -> int:
    """What it costs to be given the changes after `position`, of which `head` is the last."""
    reach = min(head, position - position % PAGE + PAGE)
    return 1 + max(reach - position, 0) // CHANGES_PER_COST
