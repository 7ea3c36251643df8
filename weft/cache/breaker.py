"""A circuit breaker: for a moment after a failure, no caller waits for the store."""

import time
from collections.abc import Callable


class Breaker:
    """Open for `seconds` after each failure; the first call after that tries the store again."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._open_until = 0.0
        self.failures = 0

    @property
    def is_open(self) -> bool:
        """Whether the store failed less than `seconds` ago, and has not answered since."""
        return bool(self._open_until) and self._clock() < self._open_until

    def failed(self) -> None:
        """Records that the store did not answer."""
        self.failures += 1
        self._open_until = self._clock() + self._seconds

    def answered(self) -> None:
        """Records that the store answered."""
        self._open_until = 0.0
        self.failures = 0
