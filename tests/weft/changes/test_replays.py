"""Readers that are behind share reads of the log, take turns, and are charged."""

import asyncio
from functools import partial
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.waiting import soon, until
from tests.weft.changes.site import (
    Site,
    hub_that_hears,
    keys_of,
    positions_of,
    publish,
    take,
    write,
)
from tests.weft.changes.watched import Watched
from weft.bounds import CHANGES
from weft.changes.change import Change
from weft.changes.errors import CursorExpired
from weft.changes.feed import ChangeFeed
from weft.changes.hub import Hub
from weft.changes.pages import LogPages
from weft.changes.replays import cost_of_page
from weft.errors import RateLimited
from weft.rates.budget import Client, CostBudget
from weft.rates.windows import Windows

HERE = "203.0.113.7"
THERE = "203.0.113.8"


def everything(_: Change) -> bool:
    return True


async def feed_of(
    site: Site, hub: Hub, after: int, client: Client | None = None
) -> ChangeFeed[Any]:
    point = await site.database.point(after)
    return await hub.feed(everything, lambda change: change, after=point, client=client)


async def caught_up(feed: ChangeFeed[Any], positions: list[int] | None = None) -> list[int]:
    """Returns the positions of all changes that it missed, added to `positions`."""
    positions = [] if positions is None else positions
    while changes := await feed.catch_up(100):
        positions += positions_of(list(changes))
    return positions


def budget_of(limit: int) -> CostBudget:
    return CostBudget(Windows(Redis.from_url("redis://127.0.0.1:1/0"), "nowhere"), limit)


class TestShared:
    async def test_log_is_read_once_for_all_resumes_from_the_same_position(
        self, site: Site
    ) -> None:
        watched = Watched(site)
        await watched.start(changes=2500)

        async def resume(after: int) -> list[int]:
            async with watched.hub.listen(
                everything, after=await site.database.point(after)
            ) as listener:
                return positions_of(await take(listener, 2500 - after))

        resumed = await asyncio.gather(*(resume(0) for _ in range(200)))

        assert resumed == [list(range(1, 2501))] * 200
        assert watched.reads == [0, 1000, 2000]

    async def test_log_is_read_once_for_all_resumes_from_nearby_positions(self, site: Site) -> None:
        watched = Watched(site)
        await watched.start(changes=1500)
        cursors = range(1400, 1500)

        async def resume(after: int) -> list[int]:
            async with watched.hub.listen(
                everything, after=await site.database.point(after)
            ) as listener:
                return positions_of(await take(listener, 1500 - after))

        resumed = await asyncio.gather(*map(resume, cursors))

        assert resumed == [list(range(after + 1, 1501)) for after in cursors]
        assert watched.reads == [1000]

    async def test_received_changes_are_not_read(self, site: Site) -> None:
        watched = Watched(site)
        log = await watched.start(changes=10)
        async with watched.hub.listen(everything) as listener:
            await write(site, 100, 101, 102)
            await publish(site, await log.assign_positions())
            await take(listener, 3)

        feeds = [await feed_of(site, watched.hub, after=11) for _ in range(200)]
        resumed = await asyncio.gather(*map(caught_up, feeds))

        assert resumed == [[12, 13]] * 200
        assert (watched.reads, watched.checks) == ([], 2)

    async def test_received_changes_that_were_pruned_since_are_not_returned(
        self, site: Site
    ) -> None:
        log = await site.leading_log()
        hub = await hub_that_hears(site, log)
        listener = await site.listener(hub)
        await write(site, 2, 3)
        await publish(site, await log.assign_positions())
        await take(listener, 2)
        assert await caught_up(await feed_of(site, hub, after=1)) == [2, 3]
        await log.prune(0)

        with pytest.raises(CursorExpired):
            await caught_up(await feed_of(site, hub, after=1))

    async def test_pruned_changes_are_not_needed_for_the_rest_of_their_page(
        self, site: Site
    ) -> None:
        log = await site.leading_log()
        await write(site, *range(5))
        await log.assign_positions()
        await log.prune(0)
        await write(site, *range(10, 15))
        await log.assign_positions()
        hub = await site.hub()
        await hub.started()

        with pytest.raises(CursorExpired):
            await caught_up(await feed_of(site, hub, after=4))
        for after in (7, 5):
            assert await caught_up(await feed_of(site, hub, after=after)) == list(
                range(after + 1, 11)
            )

    async def test_restored_log_is_read_again(self, site: Site) -> None:
        log = await site.leading_log()
        hub = await hub_that_hears(site, log)
        listener = await site.listener(hub)
        await write(site, 2, 3, 4)
        await publish(site, await log.assign_positions())
        await take(listener, 3)
        await site.database.run("DELETE FROM changes WHERE position > 1")
        await site.publish(b"[]")
        with pytest.raises(CursorExpired):
            await take(listener, 1)

        await write(site, 12, 13)
        await publish(site, await log.assign_positions())

        assert keys_of(await take(await site.listener(hub, after=1), 2)) == [12, 13]


class TestTurns:
    async def test_short_resume_waits_for_no_more_than_the_page_that_is_being_read(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("weft.changes.replays.LogPages", partial(LogPages, CHANGES.of(0)))
        watched = Watched(site, gated=True)
        assert watched.gate is not None
        await watched.start(changes=5000)
        long = [await feed_of(site, watched.hub, 0, Client(HERE, None)) for _ in range(500)]
        tasks = [asyncio.create_task(caught_up(feed)) for feed in long]
        for read in range(20):
            watched.gate.release()
            await until(lambda so_far=read: len(watched.reads) > so_far + 1)
        before = len(watched.reads)

        short = asyncio.create_task(
            caught_up(await feed_of(site, watched.hub, 4999, Client(THERE, None)))
        )
        await asyncio.sleep(0)
        while not short.done():
            so_far = len(watched.reads)
            watched.gate.release()
            await until(lambda so_far=so_far: short.done() or len(watched.reads) > so_far)

        assert short.result() == [5000]
        assert watched.reads[before] == 4000  # its page is the first read after it arrived
        assert len(watched.reads) <= before + 2
        for task in tasks:
            task.cancel()

    async def test_short_resume_goes_before_long_ones_of_its_own_address(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("weft.changes.replays.LogPages", partial(LogPages, CHANGES.of(0)))
        watched = Watched(site, gated=True)
        assert watched.gate is not None
        await watched.start(changes=60_000)
        client = Client(HERE, None)
        long = [await feed_of(site, watched.hub, 0, client) for _ in range(50)]
        tasks = [asyncio.create_task(caught_up(feed)) for feed in long]
        await until(lambda: len(watched.reads) == 1)
        short = asyncio.create_task(caught_up(await feed_of(site, watched.hub, 59_999, client)))
        await asyncio.sleep(0)

        for read in (1, 2):
            watched.gate.release()
            await until(lambda so_far=read: len(watched.reads) > so_far or short.done())

        assert await soon(short) == [60_000]
        for task in tasks:
            task.cancel()

    async def test_resume_that_ends_while_it_waits_holds_up_no_other(self, site: Site) -> None:
        watched = Watched(site, gated=True)
        assert watched.gate is not None
        await watched.start(changes=10)
        feeds = [await feed_of(site, watched.hub, 5, Client(HERE, None)) for _ in range(3)]
        first, second, third = [asyncio.create_task(caught_up(feed)) for feed in feeds]
        await until(lambda: len(watched.reads) == 1)

        first.cancel()
        second.cancel()
        watched.gate.release()
        watched.gate.release()

        assert await soon(third) == [6, 7, 8, 9, 10]


class TestCharge:
    @pytest.mark.parametrize(
        ("position", "head", "cost"),
        [(0, 2500, 101), (2000, 2500, 51), (2499, 2500, 1), (995, 2500, 1), (7, 3, 1), (3, 23, 3)],
    )
    def test_charge_grows_with_the_changes_of_the_page(
        self, position: int, head: int, cost: int
    ) -> None:
        assert cost_of_page(position, head) == cost

    async def test_each_page_is_charged_even_if_it_was_read_before(self, site: Site) -> None:
        watched = Watched(site)
        await watched.start(changes=2500)
        for viewer in (None, 7):
            budget = budget_of(101 + 101 + 51 + 1)
            client = Client(HERE, viewer, budget)

            assert len(await caught_up(await feed_of(site, watched.hub, 0, client))) == 2500

            client.charge(1)
            with pytest.raises(RateLimited):
                client.charge(1)

    async def test_resume_ends_when_its_client_has_spent_its_budget(self, site: Site) -> None:
        watched = Watched(site)
        await watched.start(changes=2500)
        feed = await feed_of(site, watched.hub, 0, Client(HERE, None, budget_of(150)))
        taken: list[int] = []

        with pytest.raises(RateLimited) as ended:
            await caught_up(feed, taken)

        assert ended.value.retry_after_seconds > 0
        assert taken == list(range(1, 2001))
        assert watched.reads == [0, 1000]
        rest = await caught_up(await feed_of(site, watched.hub, taken[-1], Client(THERE, None)))
        assert rest == list(range(2001, 2501))

    async def test_changes_that_the_server_is_late_with_are_not_charged(self, site: Site) -> None:
        await site.relay()
        hub = await site.hub(queue_limit=3)
        budget = budget_of(10)
        feed = await feed_of(site, hub, 0, Client(HERE, None, budget))
        assert await caught_up(feed) == []
        for key in range(9):
            await write(site, key)
        await until(lambda: hub.point.position == 9)

        assert await caught_up(feed) == list(range(1, 10))
        budget.charge(("address", HERE), 9)  # one was spent when it began
        with pytest.raises(RateLimited):
            budget.charge(("address", HERE), 1)
