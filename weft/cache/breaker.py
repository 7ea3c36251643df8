"""Whether to try at all: after a failure nobody waits for the store again for a moment."""

import time
from collections.abc import Callable


class Breaker:
    """Open for `seconds` after each failure; then the next who comes finds out."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._open_until = 0.0
        self.failures = 0

    @property
    def is_open(self) -> bool:
        """Whether the last failure was a moment ago."""
        return bool(self._open_until) and self._clock() < self._open_until

    def failed(self) -> None:
        """The store did not answer."""
        self.failures += 1
        self._open_until = self._clock() + self._seconds

    def answered(self) -> None:
        """The store answered."""
        self._open_until = 0.0
        self.failures = 0
