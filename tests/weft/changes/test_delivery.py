"""A model: whatever happens in whatever order, each feed gets all that follows its position."""

import asyncio
import random
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from tests.waiting import PATIENCE_SECONDS, until
from tests.weft.changes.site import Site, running
from weft.bounds import CHANGES
from weft.changes.batch import Batch, encode_batch
from weft.changes.change import BEGINNING, Change, ChangeKind, Point
from weft.changes.channel import Channels
from weft.changes.errors import CursorExpired
from weft.changes.feed import ChangeFeed
from weft.changes.hub import Hub
from weft.changes.listener import Listener
from weft.changes.pages import LogPages
from weft.rates.budget import Client

PAGE = 4
AT = datetime(2030, 1, 1, tzinfo=UTC)


class ToyLog:
    """`ChangeLog` in memory. A read returns its state some turns of the event loop later."""

    def __init__(self, draw: random.Random) -> None:
        self.changes: list[Change] = []
        self.histories: list[list[Change]] = [self.changes]
        self.horizon_position = 0
        self._draw = draw

    async def open(self) -> Any:
        return self

    async def name(self) -> str:
        return "toy"

    async def after(self, point: Point, *, page_start: int | None = None) -> Batch:
        start = max(point.position if page_start is None else page_start, self.horizon_position)
        page = Batch(self.point(start), self.changes[start : start + PAGE])
        is_kept = self.keeps(point)
        await self._answer()
        if not is_kept:
            raise CursorExpired
        return page

    async def horizon(self, point: Point) -> int | None:
        horizon = self.horizon_position if self.keeps(point) else None
        await self._answer()
        return horizon

    async def last(self) -> Point:
        last = self.point(len(self.changes))
        await self._answer()
        return last

    async def aclose(self) -> None: ...

    def point(self, position: int) -> Point:
        if 0 < position <= len(self.changes):
            return Point(position, self.changes[position - 1].mark)
        return BEGINNING

    def keeps(self, point: Point) -> bool:
        """Whether `after` returns what follows the point."""
        return self.horizon_position <= point.position and self.point(point.position).is_at(point)

    def add(self, count: int) -> Batch:
        start = self.point(len(self.changes))
        mark, key = b"%06d" % len(self.histories), partial(self._draw.randint, 0, 3)
        positions = range(start.position + 1, start.position + count + 1)
        updated = ChangeKind.UPDATED
        added = [Change(p, mark, "Thing", key(), updated, None, {}, AT, 1) for p in positions]
        self.changes += added
        return Batch(start, added)

    def restore(self, position: int) -> None:
        """Continues from a position with another history."""
        self.changes = self.changes[:position]
        self.histories.append(self.changes)

    async def _answer(self) -> None:
        for _ in range(self._draw.randint(0, 4)):
            await asyncio.sleep(0)


class Reader:
    """Reads a feed as subscriptions do: it catches up, then takes live changes."""

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
        self.after = BEGINNING

    def wants(self, change: Change) -> bool:
        return self._key is None or change.key == self._key

    async def read(self, after: Point | None) -> None:
        feed: ChangeFeed[Any] = await self._hub.feed(
            self.wants, lambda change: change, after=after, client=self._client
        )
        listener: Listener = feed._listener  # pyright: ignore[reportPrivateUsage]
        self.after = listener.point
        try:
            while True:
                while changes := await feed.catch_up(2):
                    self._note(changes)
                    await self._send()
                # A subscriber that joins a broadcast here has had all that it was offered.
                assert listener.point.is_at(self._hub.point)
                self._check(self._hub.point.position)
                self._note(await feed.take(2))
                await self._send()
        except CursorExpired:
            self.has_expired = True
            assert not self._log.keeps(listener.point)
        finally:
            feed.close()

    def is_done(self) -> bool:
        return self.has_expired or self.taken == self._wanted(
            self._log.changes, len(self._log.changes)
        )

    def _wanted(self, changes: list[Change], to: int) -> list[Change]:
        return [change for change in changes[self.after.position : to] if self.wants(change)]

    def _check(self, to: int) -> None:
        """Asserts that it has taken all that it wants of one history, up to that position."""
        to = max([to, *(change.position for change in self.taken)])
        assert any(self.taken == self._wanted(each, to) for each in self._log.histories)

    async def _send(self) -> None:
        for _ in range(self._draw.choice([0, 1, 2, 3, 9])):
            await asyncio.sleep(0)

    def _note(self, changes: Any) -> None:
        self.taken += changes
        self._check(0)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes pages and rounds of offers so small that they end everywhere."""
    monkeypatch.setattr("weft.changes.pages.PAGE", PAGE)
    monkeypatch.setattr("weft.changes.replays.PAGE", PAGE)
    monkeypatch.setattr("weft.changes.hub.OFFERS_AT_ONCE", 2)


class TestDelivery:
    @pytest.mark.parametrize("restores", [False, True])
    @pytest.mark.parametrize("seed", range(40))
    async def test_delivery_is_gapless_and_in_order_and_repeats_nothing(
        self, site: Site, seed: int, restores: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        draw = random.Random(seed)
        log = ToyLog(draw)
        channels = Channels(site.prefix)
        channels.log_name = await log.name()
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
                            await site.redis.publish(str(channels.changes()), encode_batch(added))
                    case 3 | 4 | 5:
                        client = Client(f"203.0.113.{draw.randint(1, 3)}", None)
                        key = draw.choice([None, 0, 1])
                        reader = Reader(log, hub, key, client, draw)
                        history = draw.choice(log.histories)
                        after = draw.choice([None, *history[log.horizon_position :]])
                        readers.append(reader)
                        reading.append(tasks.create_task(reader.read(after)))
                    case 6 if draw.random() < 0.3:
                        least = log.horizon_position
                        last = min(hub.point.position - 9, len(log.changes))
                        log.horizon_position = draw.randint(least, max(least, last))
                    case 8 if restores and draw.random() < 0.3:
                        log.restore(draw.randint(log.horizon_position, len(log.changes)))
                        log.add(draw.randint(0, 9))
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
        assert restores or any(not reader.has_expired for reader in readers)
