"""Turns: bounded concurrency in which no client can keep the others waiting."""

import asyncio
from bisect import bisect_left, insort
from collections.abc import Hashable
from typing import NamedTuple

MAX_CLIENTS = 10_000
"""Most clients whose share is kept while work waits; beyond that, all shares are reset."""


class _Waiter(NamedTuple):
    """A piece of waiting work; those of a client are sorted by `due`, then by arrival."""

    due: int
    number: int
    admitted: asyncio.Future[None]
    weight: int


class _Line:
    """The waiting work of one client; `level` is the total weight of its work so far."""

    __slots__ = ("client", "level", "waiters")

    def __init__(self, client: Hashable, level: int) -> None:
        self.client = client
        self.level = level
        self.waiters: list[_Waiter] = []


def _order(line: _Line) -> tuple[int, _Waiter]:
    return line.level, line.waiters[0]


class Turns:
    """Runs at most `at_once` pieces of work at a time; the others wait, and are admitted fairly.

    Start-time fair queuing (Goyal, Vin and Cheng, 1996): next is the client whose work has weighed
    least since work began to wait. A client that arrives later begins at the level of the least
    served: it neither waits for what others have had before, nor is compensated for its absence.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._number = 0
        self._level = 0
        self._levels: dict[Hashable, int] = {}
        self._lines: dict[Hashable, _Line] = {}

    async def enter(self, client: Hashable, *, weight: int = 1, patience: int = 0) -> None:
        """Waits until work of the client may begin; the caller ends it with `leave`.

        Does not suspend if there is room. Up to `patience` pieces of the same client that arrive
        later with less patience may go first.
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
        """Ends a piece of work and admits the next one that waits."""
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
