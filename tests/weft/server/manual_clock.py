"""A clock that only a test advances, for the timers of HTTP connections."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from weft.server.http_protocol import HttpProtocol


@dataclass
class Timer:
    """The part of `asyncio.TimerHandle` that connections use."""

    due: float
    callback: Callable[[], object]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


class ManualClock:
    """Replaces the event loop of connections; forwards all but time and timers to the real one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.connections: list[HttpProtocol] = []
        """All connections that were opened, in order."""
        self._loop = loop
        self._now = 0.0
        self._timers: list[Timer] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def time(self) -> float:
        return self._now

    def call_later(self, seconds: float, callback: Callable[..., object], *args: Any) -> Timer:
        timer = Timer(self._now + seconds, partial(callback, *args))
        self._timers.append(timer)
        return timer

    def advance(self, seconds: float) -> None:
        """Advances the time, and calls the timers that are due before it returns."""
        self._now += seconds
        due = [timer for timer in self._timers if timer.due <= self._now]
        self._timers = [timer for timer in self._timers if timer.due > self._now]
        for timer in sorted(due, key=lambda timer: timer.due):
            if not timer.is_cancelled:
                timer.callback()
