"""Timers of a connection: for the start of the next request, and for the rest of its head."""

import asyncio
from collections.abc import Callable

REFUSED_SECONDS = 1.0
"""How long a connection over the limit may take to send bytes, so that it can be answered."""


class RequestTimers:
    """Two timeouts, one of which runs while no request is being answered.

    One timer for idleness serves many requests, since setting and cancelling one takes longer than
    finding a head in the cache.
    """

    __slots__ = (
        *("_head_timer", "_idle", "_idle_seconds", "_idle_since", "_idle_timer", "_late", "_loop"),
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        idle_seconds: float,
        *,
        late: Callable[[], None],
        idle: Callable[[], None],
    ) -> None:
        """Calls `late` if a head is not complete in time, `idle` if none has begun to arrive."""
        self._loop = loop
        self._idle_seconds = idle_seconds
        self._late = late
        self._idle = idle
        self._head_timer: asyncio.TimerHandle | None = None
        self._idle_since: float | None = None
        self._idle_timer: asyncio.TimerHandle | None = None

    def await_head(self, seconds: float) -> None:
        """Starts the timeout for a whole head, unless it runs already."""
        if self._head_timer is None:
            self._head_timer = self._loop.call_later(seconds, self._late)

    def await_request(self) -> None:
        """Starts the timeout for the beginning of the next head."""
        self._idle_since = self._loop.time()
        if self._idle_timer is None:
            self._idle_timer = self._loop.call_later(self._idle_seconds, self._look)

    def end(self) -> None:
        """Stops both timeouts: a head has arrived, or none is expected."""
        self._idle_since = None
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def cancel(self) -> None:
        """Stops both timeouts, and the idle timer, once the connection is closed."""
        self.end()
        if self._idle_timer is not None:
            self._idle_timer.cancel()

    def _look(self) -> None:
        self._idle_timer = None
        if self._idle_since is None:
            return
        left_seconds = self._idle_since + self._idle_seconds - self._loop.time()
        if left_seconds > 0:
            self._idle_timer = self._loop.call_later(left_seconds, self._look)
        else:
            self._idle()
