"""Turns: bounded concurrency in which no client can keep the others waiting."""

import asyncio
from bisect import bisect_left, insort
from collections.abc import Hashable
from typing import NamedTuple

MAX_CLIENTS = 10_000
"""Whose share is remembered while work waits; when there are more, all begin anew."""


class _Waiter(NamedTuple):
    """One piece of work that waits; those of a client are sorted by `due`, then by arrival."""

    due: int
    number: int
    admitted: asyncio.Future[None]
    weight: int


class _Line:
    """What one client has waiting; `level` is what its work has weighed so far."""

    __slots__ = ("client", "level", "waiters")

    def __init__(self, client: Hashable, level: int) -> None:
        self.client = client
        self.level = level
        self.waiters: list[_Waiter] = []


def _order(line: _Line) -> tuple[int, _Waiter]:
    return line.level, line.waiters[0]


class Turns:
    """At most `at_once` pieces of work are under way; the others wait, and are let in fairly.

    Start-time fair queuing (Goyal, Vin and Cheng, 1996): next is the client whose work has weighed
    least since work began to wait. A client that comes later begins with what the least served has
    had: it neither waits for what others took before, nor makes up for its absence.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._number = 0
        self._level = 0
        self._levels: dict[Hashable, int] = {}
        self._lines: dict[Hashable, _Line] = {}

    async def enter(self, client: Hashable, *, weight: int = 1, patience: int = 0) -> None:
        """Returns when work of the client may begin; to be followed by `leave`.

        Suspends only where it has to wait. Of the same client, so many that come later and have
        less `patience` may go first.
        """
        if self._free:
            self._free -= 1
            return
        line, waiter = self._enqueue(client, weight, patience)
        try:
            await waiter.admitted
        except asyncio.CancelledError:
            if waiter.admitted.cancelled():
                self._remove(line, waiter)
            else:
                self.leave()
            raise

    def leave(self) -> None:
        """Ends one piece of work; the next that waits may begin."""
        while self._lines:
            line = min(self._lines.values(), key=_order)
            waiter = line.waiters[0]
            self._remove(line, waiter)
            if not waiter.admitted.cancelled():
                self._level = line.level
                line.level += waiter.weight
                self._remember(line)
                waiter.admitted.set_result(None)
                return
        self._free += 1
        self._level = 0
        self._levels.clear()

    def _enqueue(self, client: Hashable, weight: int, patience: int) -> tuple[_Line, _Waiter]:
        line = self._lines.get(client)
        if line is None:
            level = max(self._level, self._levels.get(client, 0))
            line = self._lines[client] = _Line(client, level)
        self._number += 1
        admitted = asyncio.get_running_loop().create_future()
        waiter = _Waiter(self._number + patience, self._number, admitted, weight)
        insort(line.waiters, waiter)
        return line, waiter

    def _remember(self, line: _Line) -> None:
        if len(self._levels) >= MAX_CLIENTS:
            self._levels.clear()
        self._levels[line.client] = line.level

    def _remove(self, line: _Line, waiter: _Waiter) -> None:
        place = bisect_left(line.waiters, waiter)
        if line.waiters[place : place + 1] == [waiter]:
            del line.waiters[place]
            if not line.waiters:
                del self._lines[line.client]
