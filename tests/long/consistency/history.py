"""The checker: values only grow, and a read must give what was acknowledged before it began."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


class Site(Protocol):
    """What is checked: counters that are read through a cache."""

    async def read(self, keys: Sequence[int]) -> list[int] | None:
        """The counters, in order; None if there was no answer."""
        ...

    async def write(self, key: int) -> bool:
        """Adds one to a counter; whether that was acknowledged."""
        ...


@dataclass
class History:
    """What was acknowledged of each counter, and what was read although it was too little."""

    acknowledged: dict[int, int] = field(default_factory=dict)
    reads: int = 0
    writes: int = 0
    unanswered: int = 0
    stale: list[str] = field(default_factory=list)

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

    async def write(self, site: Site, key: int) -> None:
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
) -> History:
    """Readers and writers together, until so many values were read; writers rest in between.

    What they choose by chance follows from the `seed`.
    """
    history = History()

    async def keep_reading(chance: random.Random) -> None:
        while history.reads < reads:
            await history.read(site, chance.sample(keys, at_once))

    async def keep_writing(chance: random.Random) -> None:
        while history.reads < reads:
            await history.write(site, chance.choice(keys))
            await asyncio.sleep(chance.random() * pause_seconds)

    async with asyncio.TaskGroup() as tasks:
        for number in range(readers):
            tasks.create_task(keep_reading(random.Random(f"reader {seed} {number}")))
        for number in range(writers):
            tasks.create_task(keep_writing(random.Random(f"writer {seed} {number}")))
    return history
