"""The adaptive batch window of joined writes: how long a begun transaction waits for more."""

import asyncio


class Gathering:
    """Adaptive batch window: after a batch of N writes, waits until N/2 new ones are queued.

    It waits until `patience_seconds` after that batch at most. Clients whose writes were answered
    together tend to send the next ones together.
    """

    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._answered = 0
        self._until = 0.0
        self._end: asyncio.Future[None] | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether a transaction waits; only one does at a time."""
        return self._end is not None

    def answered(self, count: int) -> None:
        """Must be called when `count` writes have been answered at once."""
        self._answered = count
        self._until = asyncio.get_running_loop().time() + self._patience_seconds

    def asked(self, waiting: int) -> None:
        """Must be called when a write is queued; `waiting` is the length of the queue then."""
        if self._end is not None and self._is_enough(waiting):
            self._finish()

    async def wait(self, waiting: int) -> None:
        """Waits until enough writes are queued, `waiting` of them already, or time is up."""
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
