"""Listeners of a hub get every change once, in order, or an error that says to resume."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.waiting import PATIENCE_SECONDS, soon
from tests.weft.changes.site import (
    Site,
    hide_log,
    hub_that_hears,
    keys_of,
    part,
    positions_of,
    publish,
    running,
    take,
    write,
)
from weft.changes.change import Change
from weft.changes.errors import CursorExpired
from weft.changes.hub import OFFERS_AT_ONCE, Hub
from weft.errors import Unavailable


class TestListen:
    async def test_listener_gets_the_writes_of_psql(self, site: Site) -> None:
        await site.relay()
        listener = await site.listener(await site.hub())

        assert await site.database.psql("INSERT INTO things VALUES (1, 9, 'new', '')")
        assert await site.database.psql("UPDATE things SET state = 'old'")

        created, updated = await take(listener, 2)
        assert (created.kind, created.after) == ("CREATED", {"owner_id": 9, "state": "new"})
        assert (updated.kind, updated.after) == ("UPDATED", {"owner_id": 9, "state": "old"})

    async def test_listener_starts_with_the_first_commit_after_it(self, site: Site) -> None:
        await site.relay()
        hub = await site.hub()
        earlier = await site.listener(hub)
        await write(site, 1)
        await take(earlier, 1)

        later = await site.listener(hub)
        await write(site, 2)

        assert keys_of(await take(later, 1)) == [2]

    async def test_listener_gets_only_the_changes_that_it_wants(self, site: Site) -> None:
        await site.relay()
        hub = await site.hub()
        async with hub.listen(lambda change: change.key % 2 == 0) as listener:
            await write(site, 1, 2, 3, 4)
            assert keys_of(await take(listener, 2)) == [2, 4]

    async def test_all_hubs_get_the_same_changes_of_many_writers(self, site: Site) -> None:
        await site.relay()
        listeners = [await site.listener(await site.hub()) for _ in range(2)]

        async def writer(number: int) -> None:
            connection = await site.database.connect()
            for turn in range(20):
                key = (number + turn) % 5
                async with connection.transaction():
                    await connection.execute(
                        "INSERT INTO things (id, owner_id) VALUES ($1, 1) ON CONFLICT (id) "
                        "DO UPDATE SET owner_id = things.owner_id + 1",
                        key,
                    )
            await connection.close()

        await asyncio.gather(*(writer(number) for number in range(6)))

        first, second = [await take(listener, 120) for listener in listeners]
        assert first == second
        assert positions_of(first) == list(range(1, 121))
        for key in range(5):
            counted = [c.after["owner_id"] for c in first if c.key == key and c.after]
            assert counted == list(range(1, len(counted) + 1))

    async def test_a_reader_stays_live_through_one_large_transaction(self, site: Site) -> None:
        await site.relay()
        listener = await site.listener(await site.hub(queue_limit=10))

        await write(site, *range(3000))

        for key in range(3000):
            assert keys_of(await take(listener, 1)) == [key]
            assert listener.is_live


class TestManyListeners:
    async def test_many_listeners_do_not_hold_the_event_loop(self, site: Site) -> None:
        log = await site.leading_log()
        hub = await hub_that_hears(site, log)
        looks = 0

        def look(_: Change) -> bool:
            nonlocal looks
            looks += 1
            return False

        async with AsyncExitStack() as stack:
            for _ in range(1_200):
                await stack.enter_async_context(hub.listen(look))
            await write(site, *range(10, 15))
            await publish(site, await log.assign_positions())
            steps: list[int] = []
            async with asyncio.timeout(PATIENCE_SECONDS):
                for _ in iter(lambda: looks < 6_000, False):
                    before = looks
                    await asyncio.sleep(0)
                    steps.append(looks - before)

        assert looks == 6_000
        assert max(steps) <= OFFERS_AT_ONCE


class TestStart:
    async def test_started_returns_once_the_log_is_known(self, site: Site) -> None:
        hub = Hub(site.database.open_log, site.redis, site.prefix)
        told = asyncio.create_task(hub.started())
        await asyncio.sleep(0)
        assert not told.done()
        async with running(hub.run()):
            await soon(told)
            assert hub.point.position >= 0


class TestReceivedBatches:
    async def test_a_batch_that_follows_is_delivered_without_the_log(self, site: Site) -> None:
        log = await site.leading_log()
        hub = await hub_that_hears(site, log)
        listener = await site.listener(hub)
        await write(site, 2)
        batch = await log.assign_positions()
        await hide_log(site)

        await publish(site, batch)

        assert await take(listener, 1) == batch.changes

    async def test_a_gap_is_filled_from_the_log(self, site: Site) -> None:
        log = await site.leading_log()
        listener = await site.listener(await hub_that_hears(site, log))
        await write(site, 2, 3, 4)
        batch = await log.assign_positions()

        await publish(site, part(batch, 2))

        assert await take(listener, 3) == batch.changes

    async def test_a_gap_that_cannot_be_filled_yet_is_not_skipped(self, site: Site) -> None:
        log = await site.leading_log()
        listener = await site.listener(await hub_that_hears(site, log))
        await write(site, 2, 3, 4)
        batch = await log.assign_positions()
        await hide_log(site)

        await publish(site, part(batch, 1))
        await publish(site, batch)

        assert await take(listener, 3) == batch.changes

    async def test_a_repeated_batch_is_delivered_once(self, site: Site) -> None:
        log = await site.leading_log()
        listener = await site.listener(await hub_that_hears(site, log))
        await write(site, 2, 3, 4)
        batch = await log.assign_positions()
        await hide_log(site)

        for start, end in ((0, 2), (0, 1), (0, 2), (0, 1), (2, 3)):
            await publish(site, part(batch, start, end))

        assert await take(listener, 3) == batch.changes

    async def test_an_unreadable_message_makes_the_hub_read_the_log(self, site: Site) -> None:
        log = await site.leading_log()
        listener = await site.listener(await hub_that_hears(site, log))
        await write(site, 2)
        batch = await log.assign_positions()

        await site.publish(b'{"of": "another release"}')

        assert await take(listener, 1) == batch.changes

    async def test_silence_makes_the_hub_read_the_log(self, site: Site) -> None:
        log = await site.leading_log()
        listener = await site.listener(await site.hub(poll_ms=10))
        await write(site, 2)

        batch = await log.assign_positions()

        assert await take(listener, 1) == batch.changes


class TestSlowReader:
    async def test_slow_reader_goes_back_to_the_log_when_its_queue_is_full(
        self, site: Site
    ) -> None:
        await site.relay()
        hub = await site.hub(queue_limit=3)
        slow, reader = await site.listener(hub), await site.listener(hub)
        for key in range(5):
            await write(site, key)
            await take(reader, 1)

        assert (slow.is_live, reader.is_live) == (False, True)
        assert keys_of(await take(slow, 5)) == list(range(5))
        await write(site, 5)
        assert keys_of(await take(slow, 1)) == [5]


class TestEnds:
    async def test_a_filter_that_fails_ends_its_listener_only(self, site: Site) -> None:
        await site.relay()
        hub = await site.hub()

        def fail(change: Change) -> bool:
            raise ZeroDivisionError

        async with hub.listen(fail) as broken:
            healthy = await site.listener(hub)
            await write(site, 1)
            await take(healthy, 1)
            with pytest.raises(ZeroDivisionError):
                await take(broken, 1)

    async def test_a_restored_log_ends_every_listener(self, site: Site) -> None:
        log = await site.leading_log()
        hub = await site.hub(poll_ms=10)
        listener = await site.listener(hub)
        await write(site, 1, 2)
        await log.assign_positions()
        await take(listener, 2)

        await site.database.run("DELETE FROM changes WHERE position = 2")

        with pytest.raises(CursorExpired):
            await take(listener, 1)
        await write(site, 3)
        fresh = await site.listener(hub)
        await log.assign_positions()
        assert keys_of(await take(fresh, 1)) == [3]

    async def test_a_log_pruned_past_the_hub_ends_every_listener(self, site: Site) -> None:
        log = await site.leading_log()
        hub = await hub_that_hears(site, log)
        listener = await site.listener(hub)
        await write(site, 2, 3)
        await log.assign_positions()
        await log.prune(0)

        await site.publish(b"[]")

        with pytest.raises(CursorExpired):
            await take(listener, 1)

    async def test_a_hub_that_stops_ends_every_listener(self, site: Site) -> None:
        async with AsyncExitStack() as stack:
            hub = Hub(site.database.open_log, site.redis, site.prefix)
            async with running(hub.run()):
                listener = await stack.enter_async_context(hub.listen(lambda _: True))
            with pytest.raises(Unavailable):
                await take(listener, 1)
