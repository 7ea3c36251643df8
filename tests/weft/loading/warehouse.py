"""Connections and sources that a test controls step by step."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any

from tests.waiting import soon
from weft.errors import Unavailable
from weft.loading.connections import HeldConnections
from weft.loading.dispatch import Dispatcher

LOST = Unavailable("The line is dead.")


class Line:
    """A connection that counts how many batches it runs at once."""

    def __init__(self) -> None:
        self.is_closed = False
        self.running = 0

    async def close(self) -> None:
        self.is_closed = True


class Warehouse:
    """Opens lines, and records them; opening raises the error in `shut`, if there is one."""

    def __init__(self, lines: int) -> None:
        self.opened: list[Line] = []
        self.shut: Exception | None = None
        self.dispatcher = Dispatcher(HeldConnections(self._open, lines))

    def ask(self, source: "Source", *keys: int) -> asyncio.Future[list[int]]:
        """Returns the future of the dispatcher."""
        return self.dispatcher.submit(source.fetch, keys)

    async def _open(self) -> Line:
        await asyncio.sleep(0)
        if self.shut is not None:
            raise self.shut
        self.opened.append(Line())
        return self.opened[-1]


class Source:
    """Gives ten times each key, once its `gate` is open; records its batches and their lines."""

    def __init__(self, *, open: bool = True) -> None:
        self.batches: list[list[int]] = []
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.failure: BaseException | None = None
        self.lines: list[Line] = []
        if open:
            self.gate.set()

    async def fetch(self, line: Line, keys: Sequence[int]) -> list[int]:
        assert line.running == 0, "a connection runs one statement at a time"
        line.running += 1
        self.batches.append(list(keys))
        self.lines.append(line)
        self.begun.set()
        try:
            await self.gate.wait()
            if self.failure is not None:
                raise self.failure
            return [10 * key for key in keys]
        finally:
            line.running -= 1


async def turns(count: int) -> None:
    """Lets all other tasks have `count` turns of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)


async def outcomes(awaitables: Iterable[Awaitable[Any]]) -> list[Any]:
    """Returns the results, with exceptions as values."""
    return await soon(asyncio.gather(*awaitables, return_exceptions=True))
