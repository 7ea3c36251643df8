"""What listeners of a hub get: everything, once, in order, or an error that says to resume."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from db.change_log import PostgresChangeLog
from tests.weft.changes.site import Site, keys_of, positions_of, running, take, until
from weft.changes.change import Change, encode_changes
from weft.changes.channel import changes_channel
from weft.changes.errors import CursorExpired, ListenerTooSlow
from weft.changes.hub import Hub
from weft.errors import Unavailable

NEVER_MS = 3_600_000


async def write(site: Site, *keys: int) -> None:
    await site.database.run("INSERT INTO things SELECT unnest($1::bigint[])", list(keys))


async def publish(site: Site, changes: list[Change]) -> None:
    await site.redis.publish(changes_channel(site.prefix), encode_changes(changes))


async def hub_that_hears(site: Site, log: PostgresChangeLog) -> Hub:
    """A hub that never polls, and whose subscription to Redis has begun; one change is past."""
    hub = await site.hub(poll_ms=NEVER_MS)

    async def subscribed() -> bool:
        return (await site.redis.pubsub_numsub(changes_channel(site.prefix)))[0][1] > 0

    await until(subscribed)
    async with hub.listen(lambda _: True) as listener:
        await write(site, 1)
        await publish(site, await log.assign_positions())
        await take(listener, 1)
    return hub


class TestListen:
    async def test_gets_what_psql_writes(self, site: Site) -> None:
        await site.relay()
        listener = await site.listener(await site.hub())

        await site.database.psql("INSERT INTO things VALUES (1, 9, 'new', '')")
        await site.database.psql("UPDATE things SET state = 'old'")

        created, updated = await take(listener, 2)
        assert (created.kind, created.after) == ("CREATED", {"owner_id": 9, "state": "new"})
        assert (updated.kind, updated.after) == ("UPDATED", {"owner_id": 9, "state": "old"})

    async def test_starts_with_what_is_committed_after_it(self, site: Site) -> None:
        await site.relay()
        hub = await site.hub()
        earlier = await site.listener(hub)
        await write(site, 1)
        await take(earlier, 1)

        later = await site.listener(hub)
        await write(site, 2)

        assert keys_of(await take(later, 1)) == [2]

    async def test_gets_only_what_it_wants(self, site: Site) -> None:
        await site.relay()
        hub = await site.hub()
        async with hub.listen(lambda change: change.key % 2 == 0) as listener:
            await write(site, 1, 2, 3, 4)
            assert keys_of(await take(listener, 2)) == [2, 4]

    async def test_all_hubs_get_the_same_of_many_writers(self, site: Site) -> None:
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

    async def test_a_reader_is_not_overrun_by_one_large_transaction(self, site: Site) -> None:
        await site.relay()
        listener = await site.listener(await site.hub(queue_limit=10))

        await write(site, *range(3000))

        assert keys_of(await take(listener, 3000)) == list(range(3000))


class TestWhatIsHeard:
    async def test_goes_on_without_the_log(self, site: Site) -> None:
        log = await site.leading_log()
        hub = await hub_that_hears(site, log)
        listener = await site.listener(hub)
        await write(site, 2)
        changes = await log.assign_positions()
        await site.database.run("ALTER TABLE changes RENAME TO hidden")

        await publish(site, changes)

        assert await take(listener, 1) == changes

    async def test_a_gap_is_filled_from_the_log(self, site: Site) -> None:
        log = await site.leading_log()
        listener = await site.listener(await hub_that_hears(site, log))
        await write(site, 2, 3, 4)
        changes = await log.assign_positions()

        await publish(site, changes[2:])

        assert await take(listener, 3) == changes

    async def test_a_repetition_is_not_repeated(self, site: Site) -> None:
        log = await site.leading_log()
        listener = await site.listener(await hub_that_hears(site, log))
        await write(site, 2, 3, 4)
        changes = await log.assign_positions()

        for batch in (changes[:2], changes[:1], changes[:2], changes[1:]):
            await publish(site, batch)

        assert await take(listener, 3) == changes

    async def test_a_message_that_cannot_be_read_sends_it_to_the_log(self, site: Site) -> None:
        log = await site.leading_log()
        listener = await site.listener(await hub_that_hears(site, log))
        await write(site, 2)
        changes = await log.assign_positions()

        await site.redis.publish(changes_channel(site.prefix), b'{"of": "another release"}')

        assert await take(listener, 1) == changes

    async def test_silence_sends_it_to_the_log(self, site: Site) -> None:
        log = await site.leading_log()
        listener = await site.listener(await site.hub(poll_ms=10))
        await write(site, 2)

        changes = await log.assign_positions()

        assert await take(listener, 1) == changes


class TestResume:
    async def test_goes_over_to_live_without_a_gap_or_a_repetition(self, site: Site) -> None:
        await site.relay()
        hub = await site.hub()
        await write(site, *range(1, 1501))
        await take(await site.listener(hub, after=0), 1500)

        async def resume(after: int) -> list[int]:
            async with hub.listen(lambda _: True, after=after) as listener:
                return positions_of(await take(listener, 1800 - after))

        async def keep_writing() -> None:
            for key in range(1501, 1801):
                await write(site, key)

        cursors = [0, 1, 499, 999, 1000, 1001, 1499, 1500]
        results, _ = await asyncio.gather(asyncio.gather(*map(resume, cursors)), keep_writing())

        assert results == [list(range(after + 1, 1801)) for after in cursors]

    async def test_a_cursor_ahead_of_this_hub_skips_what_was_seen(self, site: Site) -> None:
        log = await site.leading_log()
        hub = await hub_that_hears(site, log)
        await write(site, 2, 3, 4)
        changes = await log.assign_positions()

        listener = await site.listener(hub, after=3)
        await publish(site, changes)

        assert await take(listener, 1) == changes[2:]

    async def test_a_cursor_past_the_retention_is_refused(self, site: Site) -> None:
        log = await site.leading_log()
        await write(site, 1, 2)
        await log.assign_positions()
        await log.prune(0)
        hub = await site.hub()

        with pytest.raises(CursorExpired):
            await site.listener(hub, after=1)
        await site.listener(hub, after=2)

    async def test_a_cursor_that_was_never_given_is_refused(self, site: Site) -> None:
        hub = await site.hub()

        with pytest.raises(CursorExpired):
            await site.listener(hub, after=1)

    async def test_a_listener_that_is_pruned_while_it_replays_ends(self, site: Site) -> None:
        log = await site.leading_log()
        await write(site, *range(2500))
        while await log.assign_positions():
            pass
        listener = await site.listener(await site.hub(), after=0)
        while await log.prune(0):
            pass

        assert len(await take(listener, 1000)) == 1000
        with pytest.raises(CursorExpired):
            await take(listener, 1)


class TestEnds:
    async def test_a_listener_that_does_not_read_ends_and_can_resume(self, site: Site) -> None:
        await site.relay()
        hub = await site.hub(queue_limit=3)
        idle, reader = await site.listener(hub), await site.listener(hub)
        for key in range(5):
            await write(site, key)
            await take(reader, 1)

        with pytest.raises(ListenerTooSlow):
            await take(idle, 1)
        assert keys_of(await take(await site.listener(hub, after=0), 5)) == list(range(5))

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

    async def test_a_log_that_went_back_ends_every_listener(self, site: Site) -> None:
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

    async def test_a_hub_that_was_pruned_past_ends_every_listener(self, site: Site) -> None:
        log = await site.leading_log()
        hub = await hub_that_hears(site, log)
        listener = await site.listener(hub)
        await write(site, 2, 3)
        await log.assign_positions()
        await log.prune(0)

        await site.redis.publish(changes_channel(site.prefix), b"[]")

        with pytest.raises(CursorExpired):
            await take(listener, 1)

    async def test_a_hub_that_stops_ends_every_listener(self, site: Site) -> None:
        async with AsyncExitStack() as stack:
            hub = Hub(site.database.open_log, site.redis, site.prefix)
            async with running(hub.run()):
                listener = await stack.enter_async_context(hub.listen(lambda _: True))
            with pytest.raises(Unavailable):
                await take(listener, 1)
