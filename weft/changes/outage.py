"""Outages, each logged once when it begins and once when it is over."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import structlog

from weft.cancellation import heed_cancellation

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class Outage:
    """Tracks whether a store is out of reach for one of its users, and how long to wait for it."""

    def __init__(self, store: str, user: str) -> None:
        self._store = store
        self._user = user
        self._failures = 0

    @property
    def lasts(self) -> bool:
        """Whether the last use of the store failed."""
        return self._failures > 0

    @asynccontextmanager
    async def attempt(self, *answers: type[Exception]) -> AsyncGenerator[None]:
        """Wraps one use of the store, with `async with`: a failure is recorded and suppressed.

        Errors in `answers` count as answers of the store and propagate. So does a cancellation,
        even one that surfaced as another error. Every retry loop uses this.
        """
        try:
            yield
        except answers:
            self.answered()
            raise
        except Exception as error:
            heed_cancellation()
            self.failed(error)
        else:
            heed_cancellation()
            self.answered()

    def failed(self, error: BaseException) -> None:
        """Records that the store did not answer; the first failure in a row is logged."""
        if not self._failures:
            _log.warning("store_lost", store=self._store, user=self._user, error=repr(error))
        self._failures += 1

    def answered(self) -> None:
        """Records that the store answered; logged if it had failed before."""
        if self._failures:
            _log.info("store_found", store=self._store, user=self._user, failures=self._failures)
        self._failures = 0

    async def pause(self, draw: Callable[[], float] = random.random) -> None:
        """Waits longer after each failure in a row, at most a second.

        Half of the wait is random, so that processes that lost a store together do not return
        together.
        """
        longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** min(self._failures, 10))
        await asyncio.sleep(longest * (0.5 + 0.5 * draw()))
