"""How long a transaction that has begun waits for more to put into it."""

import asyncio


class Gathering:
    """Those who were answered together soon ask again together: it is worth waiting for them.

    Until as many wait as half of those who were answered last, and no longer than
    `patience_seconds` after that answer.
    """

    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._answered = 0
        self._until = 0.0
        self._end: asyncio.Future[None] | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether somebody waits; one does so for all."""
        return self._end is not None

    def answered(self, count: int) -> None:
        """To be called when so many have been answered at once."""
        self._answered = count
        self._until = asyncio.get_running_loop().time() + self._patience_seconds

    def asked(self, waiting: int) -> None:
        """To be called when one more asks; so many wait now."""
        if self._end is not None and self._is_enough(waiting):
            self._finish()

    async def wait(self, waiting: int) -> None:
        """Returns when enough have asked, of whom so many wait already, or it takes too long."""
        loop = asyncio.get_running_loop()
        if self.is_under_way or self._is_enough(waiting) or loop.time() >= self._until:
            return
        self._end = loop.create_future()
        timer = loop.call_at(self._until, self._finish)
        try:
            await self._end
        finally:
            timer.cancel()
            self._end = None

    def _is_enough(self, waiting: int) -> bool:
        return 2 * waiting >= self._answered

    def _finish(self) -> None:
        if self._end is not None and not self._end.done():
            self._end.set_result(None)
