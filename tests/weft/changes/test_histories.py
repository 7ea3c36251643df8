"""A log that another history has replaced: no change is lost in silence."""

from contextlib import AsyncExitStack

import pytest
import redis.asyncio

from tests.waiting import until
from tests.weft.changes.site import (
    NEVER_MS,
    Database,
    Site,
    create_log,
    hears,
    hub_that_hears,
    keys_of,
    publish,
    take,
    write,
)
from weft.changes.change import Point
from weft.changes.errors import CursorExpired
from weft.changes.hub import Hub
from weft.changes.listener import Listener
from weft.embedded import EmbeddedServers
from weft.postgres.change_log import PostgresChangeLog


async def undo(site: Site, position: int) -> None:
    """Resets the log to its state after that change."""
    await site.database.run("DELETE FROM changes WHERE position > $1", position)


async def grow(site: Site, log: PostgresChangeLog, *keys: int) -> list[Point]:
    await write(site, *keys)
    return list((await log.assign_positions()).changes)


async def resumed(site: Site, hub: Hub, point: Point) -> Listener:
    return await site.stack.enter_async_context(hub.listen(lambda _: True, after=point))


class TestLog:
    async def test_changes_follow_a_point_of_both_histories_and_no_other(self, site: Site) -> None:
        log = await site.leading_log()
        kept, undone, _ = await grow(site, log, 1, 2, 3)
        await undo(site, 1)
        assert await log.horizon(undone) is None
        await grow(site, log, 12, 13, 14)

        assert keys_of(await log.after(kept)) == [12, 13, 14]
        assert await log.horizon(kept) == 0
        assert await log.horizon(undone) is None
        with pytest.raises(CursorExpired):
            await log.after(undone)

    async def test_last_pruned_change_keeps_its_mark(self, site: Site) -> None:
        log = await site.leading_log()
        _, undone = await grow(site, log, 1, 2)
        await undo(site, 1)
        kept = (await grow(site, log, 12))[0]
        await log.prune(0)
        await grow(site, log, 13)

        assert keys_of(await log.after(kept)) == [13]
        with pytest.raises(CursorExpired):
            await log.after(undone)

    async def test_last_pruned_change_that_has_no_mark_has_expired(self, site: Site) -> None:
        log = await site.leading_log()
        [dropped] = await grow(site, log, 1)
        await log.prune(0)
        await site.database.run("UPDATE change_horizon SET mark = NULL")
        listener = await site.listener(await site.hub())

        with pytest.raises(CursorExpired):
            await log.after(dropped)
        await grow(site, log, 2)
        assert keys_of(await take(listener, 1)) == [2]

    @pytest.mark.parametrize("same_ids", [False, True])
    async def test_leader_that_knew_the_other_history_assigns_positions(
        self, site: Site, same_ids: bool
    ) -> None:
        log = await site.leading_log()
        keys = iter(range(1, 1000))
        for _ in range(3):
            await grow(site, log, next(keys))

        async def settled() -> bool:
            await grow(site, log, next(keys))
            return log.settled_id > 2

        await until(settled)  # writers of other tests in the same server delay it
        await undo(site, 1)
        if same_ids:
            await site.database.run("ALTER TABLE changes ALTER id RESTART WITH 2")
        for key in range(1000, 1009):
            assert keys_of(await log.assign_positions()) == []
            await write(site, key)
            assert keys_of(await log.assign_positions()) == [key]


class TestHub:
    async def test_hub_that_another_history_overtook_ends_live_listeners(self, site: Site) -> None:
        log = await site.leading_log()
        hub = await hub_that_hears(site, log)
        listener = await site.listener(hub)
        await undo(site, 0)
        await grow(site, log, 11, 12, 13)

        await site.publish(b"what cannot be read")

        with pytest.raises(CursorExpired):
            await take(listener, 1)
        fresh = await site.listener(hub)
        await write(site, 14)
        await publish(site, await log.assign_positions())
        assert keys_of(await take(fresh, 1)) == [14]

    async def test_batch_of_another_history_is_not_delivered(self, site: Site) -> None:
        log = await site.leading_log()
        hub = await hub_that_hears(site, log)
        listener = await site.listener(hub)
        await undo(site, 0)
        await grow(site, log, 11)
        await write(site, 12)

        await publish(site, await log.assign_positions())  # its position is the next one

        with pytest.raises(CursorExpired):
            await take(listener, 1)

    async def test_batch_that_continues_from_the_same_change_is_delivered(self, site: Site) -> None:
        log = await site.leading_log()
        hub = await hub_that_hears(site, log)
        listener = await site.listener(hub)
        await grow(site, log, 2, 3)
        await undo(site, 1)
        await write(site, 12)

        await publish(site, await log.assign_positions())

        assert keys_of(await take(listener, 1)) == [12]

    async def test_hub_that_had_an_empty_log_delivers_all_of_another(self, site: Site) -> None:
        log = await site.leading_log()
        listener = await site.listener(await site.hub(poll_ms=10))
        await grow(site, log, 1, 2)
        assert keys_of(await take(listener, 2)) == [1, 2]


class TestResume:
    async def test_resume_from_an_undone_change_is_refused_by_a_hub_that_remembers_it(
        self, site: Site
    ) -> None:
        log = await site.leading_log()
        hub = await hub_that_hears(site, log)
        listener = await site.listener(hub)
        await write(site, 2, 3, 4)
        batch = await log.assign_positions()
        await publish(site, batch)
        await take(listener, 3)
        await undo(site, 2)
        await grow(site, log, 13, 14, 15)

        with pytest.raises(CursorExpired):
            await resumed(site, hub, batch.changes[1])

    async def test_resume_from_a_change_of_both_histories_gets_the_new_one(
        self, site: Site
    ) -> None:
        log = await site.leading_log()
        hub = await hub_that_hears(site, log)
        listener = await site.listener(hub)
        await write(site, 2, 3, 4)
        batch = await log.assign_positions()
        await publish(site, batch)
        await take(listener, 3)
        await undo(site, 2)
        await grow(site, log, 13)

        survivor = await resumed(site, hub, batch.changes[0])

        assert keys_of(await take(survivor, 1)) == [13]
        await write(site, 14)
        await publish(site, await log.assign_positions())
        assert keys_of(await take(survivor, 1)) == [14]
        with pytest.raises(CursorExpired):
            await take(listener, 1)


class TestSharedRedis:
    async def test_logs_with_one_prefix_receive_only_their_own_messages(
        self, site: Site, servers: EmbeddedServers
    ) -> None:
        """Two databases of PostgreSQL, and two of one Redis, which does not keep channels apart."""
        name = f"{site.database.schema}_other"
        await site.database.run(f'CREATE DATABASE "{name}"')
        try:
            async with AsyncExitStack() as stack:
                other = await self._other(site, stack, servers, name)
                await self._check(site, other)
        finally:
            await site.database.run(f'DROP DATABASE "{name}" WITH (FORCE)')

    async def _other(
        self, site: Site, stack: AsyncExitStack, servers: EmbeddedServers, name: str
    ) -> Site:
        dsn = site.database.dsn.replace("/weft?", f"/{name}?", 1)
        database = Database(dsn, site.database.schema)
        await database.run(f"CREATE SCHEMA {database.schema}")
        await create_log(database)
        client = redis.asyncio.from_url(servers.redis_url, db=1)
        return Site(database, await stack.enter_async_context(client), site.prefix, stack)

    async def _check(self, *sites: Site) -> None:
        logs = [await site.leading_log() for site in sites]
        listeners = [await site.listener(await site.hub(poll_ms=NEVER_MS)) for site in sites]
        for site in sites:
            await hears(site)
        for key, (site, log) in enumerate(zip(sites, logs, strict=True)):
            await write(site, key)
            assert await publish(site, await log.assign_positions()) == 1
        for key, listener in enumerate(listeners):
            assert keys_of(await take(listener, 1)) == [key]
        first, second = [await site.channels() for site in sites]
        assert first.wake() != second.wake()
