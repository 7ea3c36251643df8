"""A store whose transactions end as a test decides, and the writes that go into it."""

import enum
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.weft.loading.warehouse import turns
from weft.errors import Unavailable


class End(enum.Enum):
    """The outcome of a transaction."""

    COMMITTED = enum.auto()
    ACKNOWLEDGED_LATER = enum.auto()
    FAILED = enum.auto()
    LOST_AFTER_COMMIT = enum.auto()
    LOST_BEFORE_COMMIT = enum.auto()
    NEVER_BEGAN = enum.auto()


class Kind(enum.Enum):
    """The outcome of a write in its transaction."""

    DONE = enum.auto()
    LEFT_ALONE = enum.auto()
    FAILS_ALL = enum.auto()


@dataclass(frozen=True)
class Request:
    """A write; `number` counts the writes in the order in which they are submitted."""

    number: int
    row: int
    kind: Kind = Kind.DONE


@dataclass
class Stage:
    """An open transaction."""

    wait_seconds: float = 0.0
    written: list[Request] = field(default_factory=list[Request])


class Ledger:
    """Records what was committed, in order. Each step of a transaction takes `slowness` turns."""

    def __init__(self, ends: Iterable[End] = (), slowness: int = 0) -> None:
        self.committed: list[Request] = []
        self.batches: list[list[Request]] = []
        self.most_at_once = 0
        self._ends = iter(ends)
        self._slowness = slowness
        self._rows: list[int] = []
        self.at_once = 0

    def use_up_ends(self) -> None:
        """Makes every transaction from now on commit."""
        self._ends = iter(())

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[Stage]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await turns(self._slowness)
            end, stage = next(self._ends, End.COMMITTED), Stage()
            if end is End.NEVER_BEGAN:
                raise Unavailable("No connection is to be had.")
            yield stage
            await turns(self._slowness)
            self._end(stage, end)
        finally:
            self.at_once -= 1

    def _end(self, stage: Stage, end: End) -> None:
        if end is End.FAILED:
            raise KeyError("what only COMMIT finds out")
        if end is not End.LOST_BEFORE_COMMIT:
            self.committed += stage.written
        if end in (End.LOST_BEFORE_COMMIT, End.LOST_AFTER_COMMIT):
            raise Unavailable("The line went dead.")
        stage.wait_seconds = 0.001 if end is End.ACKNOWLEDGED_LATER else 0.0

    async def write(self, stage: Stage, requests: Sequence[Request]) -> list[int | None]:
        """Answers each request with its number."""
        rows = [request.row for request in requests]
        self._rows += rows
        assert len(set(self._rows)) == len(self._rows), "a row is written twice at once"
        self.batches.append(list(requests))
        try:
            await turns(self._slowness)
            if any(request.kind is Kind.FAILS_ALL for request in requests):
                raise KeyError("one of them breaks a rule")
        finally:
            for row in rows:
                self._rows.remove(row)
        stage.written += [request for request in requests if request.kind is Kind.DONE]
        return [request.number if request.kind is Kind.DONE else None for request in requests]

    async def other_write(self, stage: Stage, requests: Sequence[Request]) -> list[int | None]:
        """As `write`, but another kind: its requests never join those of `write`."""
        assert all(request.number % 2 for request in requests)
        return await self.write(stage, requests)
