"""Whatever happens in whatever order, each feed gets what follows its position: a model."""

import asyncio
import random
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from tests.waiting import PATIENCE_SECONDS, until
from tests.weft.changes.site import Site, publish, running
from weft.bounds import CHANGES
from weft.changes.change import Change, ChangeKind
from weft.changes.errors import CursorExpired
from weft.changes.feed import ChangeFeed
from weft.changes.hub import Hub
from weft.changes.pages import LogPages
from weft.rates.budget import Client

PAGE = 4
AT = datetime(2030, 1, 1, tzinfo=UTC)


class ToyLog:
    """`ChangeLog` in memory; a read takes some turns of the event loop, and sees how it ended."""

    def __init__(self, draw: random.Random) -> None:
        self.changes: list[Change] = []
        self.horizon = 0
        self._draw = draw

    async def open(self) -> Any:
        return self

    async def after(self, position: int) -> list[Change]:
        page, horizon = self.changes[position : position + PAGE], self.horizon
        last = len(self.changes)
        await self._answer()
        if not horizon <= position <= last:
            raise CursorExpired
        return page

    async def bounds(self) -> tuple[int, int]:
        bounds = self.horizon, len(self.changes)
        await self._answer()
        return bounds

    async def last_position(self) -> int:
        last = len(self.changes)
        await self._answer()
        return last

    async def aclose(self) -> None: ...

    def add(self, count: int) -> list[Change]:
        first = len(self.changes) + 1
        added = [
            Change(position, "Thing", self._draw.randint(0, 3), ChangeKind.UPDATED, None, {}, AT, 1)
            for position in range(first, first + count)
        ]
        self.changes += added
        return added

    async def _answer(self) -> None:
        for _ in range(self._draw.randint(0, 4)):
            await asyncio.sleep(0)


class Reader:
    """A feed that is read as subscriptions are: it catches up, then takes what comes."""

    def __init__(
        self, log: ToyLog, hub: Hub, key: int | None, client: Client, draw: random.Random
    ) -> None:
        self.taken: list[Change] = []
        self.has_expired = False
        self._log = log
        self._hub = hub
        self._key = key
        self._client = client
        self._draw = draw
        self.after = 0

    def wants(self, change: Change) -> bool:
        return self._key is None or change.key == self._key

    async def read(self, after: int | None) -> None:
        feed: ChangeFeed[Any] = await self._hub.feed(
            self.wants, lambda change: change, after=after, client=self._client
        )
        self.after = feed.position
        try:
            while True:
                while changes := await feed.catch_up(2):
                    self._note(changes)
                    await self._send()
                # What joins a broadcast here has had all that the broadcast has been offered.
                assert feed.position >= self._hub.position
                assert self.taken == self.expected(self._hub.position)
                self._note(await feed.take(2))
                await self._send()
        except CursorExpired:
            self.has_expired = True
        finally:
            feed.close()

    def expected(self, to: int) -> list[Change]:
        to = max([to, *(change.position for change in self.taken)])
        return [change for change in self._log.changes[self.after : to] if self.wants(change)]

    def is_done(self) -> bool:
        return self.has_expired or self.taken == self.expected(len(self._log.changes))

    async def _send(self) -> None:
        for _ in range(self._draw.choice([0, 1, 2, 3, 9])):
            await asyncio.sleep(0)

    def _note(self, changes: Any) -> None:
        self.taken += changes
        assert self.taken == self.expected(0)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages, and rounds of offers, that end in the midst of everything."""
    monkeypatch.setattr("weft.changes.pages.PAGE", PAGE)
    monkeypatch.setattr("weft.changes.replays.PAGE", PAGE)
    monkeypatch.setattr("weft.changes.hub.OFFERS_AT_ONCE", 2)


class TestDelivery:
    @pytest.mark.parametrize("seed", range(40))
    async def test_is_gapless_and_in_order_and_repeats_nothing(
        self, site: Site, seed: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        draw = random.Random(seed)
        log = ToyLog(draw)
        log.add(draw.randint(0, 12))
        room = draw.choice([0, 5_000, 1_000_000])
        monkeypatch.setattr("weft.changes.replays.LogPages", partial(LogPages, CHANGES.of(room)))
        hub = Hub(log.open, site.redis, site.prefix, poll_ms=5, queue_limit=draw.choice([2, 50]))
        readers: list[Reader] = []
        async with running(hub.run()), asyncio.TaskGroup() as tasks:
            await hub.started()
            reading: list[asyncio.Task[None]] = []
            for _ in range(80):
                match draw.randint(0, 9):
                    case 0 | 1 | 2:
                        added = log.add(draw.randint(1, 3))
                        if draw.random() < 0.7:
                            await publish(site, added)
                    case 3 | 4 | 5:
                        client = Client(f"203.0.113.{draw.randint(1, 3)}", None)
                        key = draw.choice([None, 0, 1])
                        reader = Reader(log, hub, key, client, draw)
                        after = draw.choice([None, draw.randint(log.horizon, len(log.changes))])
                        readers.append(reader)
                        reading.append(tasks.create_task(reader.read(after)))
                    case 6 if draw.random() < 0.3:
                        log.horizon = draw.randint(log.horizon, max(log.horizon, hub.position - 9))
                    case 7 if reading and draw.random() < 0.3:
                        gone = draw.randrange(len(reading))
                        reading[gone].cancel()
                        del reading[gone], readers[gone]
                    case _:
                        for _ in range(draw.randint(0, 20)):
                            await asyncio.sleep(0)
            async with asyncio.timeout(PATIENCE_SECONDS):
                await until(
                    lambda: all(
                        reader.is_done() or task.done()
                        for reader, task in zip(readers, reading, strict=True)
                    )
                )
            for task in reading:
                task.cancel()
        assert all(reader.is_done() for reader in readers)
        assert any(not reader.has_expired for reader in readers)
