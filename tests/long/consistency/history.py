"""The checker: counters only grow, and a read must show all writes acknowledged before it began."""

import asyncio
import random
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from tests.waiting import until


class Site(Protocol):
    """The interface of what is checked: counters that are read through a cache."""

    async def read(self, keys: Sequence[int]) -> list[int] | None:
        """Returns the counters in the order of `keys`; None if there was no response."""
        ...

    async def write(self, key: int) -> bool:
        """Adds one to a counter; returns whether that was acknowledged."""
        ...


@dataclass
class History:
    """The acknowledged and tried writes of each counter, and the wrong reads (`stale`).

    A read is wrong if it shows less than was acknowledged, or more than was tried: then it shows
    writes that a restore has undone.
    """

    acknowledged: dict[int, int] = field(default_factory=dict)
    tried: dict[int, int] = field(default_factory=dict)
    reads: int = 0
    writes: int = 0
    unanswered: int = 0
    stale: list[str] = field(default_factory=list)
    may_read: asyncio.Event = field(default_factory=asyncio.Event)
    may_write: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.may_read.set()
        self.may_write.set()

    @asynccontextmanager
    async def paused(self, *, reads: bool) -> AsyncGenerator[None]:
        """Pauses writes while the block runs, and with `reads` also reads."""
        gates = [self.may_write, self.may_read] if reads else [self.may_write]
        for gate in gates:
            gate.clear()
        kinds = ("writer", "reader") if reads else ("writer",)
        await until(lambda: not [name for name in self.under_way if name.startswith(kinds)])
        yield
        for gate in gates:
            gate.set()

    def known(self) -> tuple[dict[int, int], dict[int, int]]:
        """Returns the counts that a copy of the database has, if it is made while all is paused."""
        return dict(self.acknowledged), dict(self.tried)

    def restore(self, known: tuple[dict[int, int], dict[int, int]]) -> None:
        """Sets the counts to those of a copy that has been put back."""
        self.acknowledged, self.tried = dict(known[0]), dict(known[1])

    async def read(self, site: Site, keys: Sequence[int]) -> None:
        least = [self.acknowledged.get(key, 0) for key in keys]
        values = await site.read(keys)
        if values is None:
            self.unanswered += 1
            return
        self.reads += len(keys)
        for key, value, expected in zip(keys, values, least, strict=True):
            if value < expected:
                self.stale.append(f"{key}: {value} after {expected} was acknowledged")
            if sys.maxsize > value > self.tried.get(key, 0):
                self.stale.append(f"{key}: {value} after {self.tried.get(key, 0)} were tried")

    async def write(self, site: Site, key: int) -> None:
        self.tried[key] = self.tried.get(key, 0) + 1
        if await site.write(key):
            self.acknowledged[key] = self.acknowledged.get(key, 0) + 1
            self.writes += 1
        else:
            self.unanswered += 1


async def run_history(
    site: Site,
    keys: Sequence[int],
    *,
    reads: int,
    readers: int,
    writers: int,
    at_once: int,
    pause_seconds: float = 0.01,
    seed: int = 0,
    history: History | None = None,
    ends: Callable[[], bool] = lambda: True,
) -> History:
    """Runs readers and writers until `reads` values were read; writers pause between writes.

    Random choices follow from `seed`. A test can pass a `history` in order to pause it, and `ends`,
    which must also be true before the run ends.
    """
    history = history or History()

    def goes_on() -> bool:
        return history.reads < reads or not ends()

    async def keep_reading(name: str, chance: random.Random) -> None:
        while goes_on():
            async with turn(history.may_read, name):
                await history.read(site, chance.sample(keys, at_once))

    async def keep_writing(name: str, chance: random.Random) -> None:
        while goes_on():
            async with turn(history.may_write, name):
                await history.write(site, chance.choice(keys))
            await asyncio.sleep(chance.random() * pause_seconds)

    @asynccontextmanager
    async def turn(gate: asyncio.Event, name: str) -> AsyncGenerator[None]:
        await gate.wait()
        history.under_way.add(name)
        try:
            yield
        finally:
            history.under_way.discard(name)

    async with asyncio.TaskGroup() as tasks:
        for number in range(readers):
            name = f"reader {seed} {number}"
            tasks.create_task(keep_reading(name, random.Random(name)))
        for number in range(writers):
            name = f"writer {seed} {number}"
            tasks.create_task(keep_writing(name, random.Random(name)))
    return history
