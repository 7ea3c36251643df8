"""Listening from a cursor on: missed changes come from the log, the rest live."""

import asyncio

import pytest

from tests.weft.changes.site import (
    Site,
    hub_that_hears,
    positions_of,
    publish,
    take,
    write,
)
from weft.changes.errors import CursorExpired


class TestResume:
    async def test_resume_goes_live_without_a_gap_or_a_repetition(self, site: Site) -> None:
        await site.relay()
        hub = await site.hub()
        await write(site, *range(1, 1501))
        await take(await site.listener(hub, after=0), 1500)

        async def resume(after: int) -> list[int]:
            async with hub.listen(
                lambda _: True, after=await site.database.point(after)
            ) as listener:
                return positions_of(await take(listener, 1600 - after))

        async def keep_writing() -> None:
            for key in range(1501, 1601):
                await write(site, key)

        cursors = [0, 1, 499, 999, 1000, 1001, 1499, 1500]
        results, _ = await asyncio.gather(asyncio.gather(*map(resume, cursors)), keep_writing())

        assert results == [list(range(after + 1, 1601)) for after in cursors]

    async def test_a_cursor_ahead_of_the_hub_skips_changes_before_it(self, site: Site) -> None:
        log = await site.leading_log()
        hub = await hub_that_hears(site, log)
        await write(site, 2, 3, 4)
        batch = await log.assign_positions()

        listener = await site.listener(hub, after=3)
        await publish(site, batch)

        assert await take(listener, 1) == batch.changes[2:]

    async def test_a_cursor_past_the_retention_is_refused(self, site: Site) -> None:
        log = await site.leading_log()
        await write(site, 1, 2)
        await log.assign_positions()
        await log.prune(0)
        hub = await site.hub()

        with pytest.raises(CursorExpired):
            await site.listener(hub, after=1)
        await site.listener(hub, after=2)

    async def test_a_cursor_that_was_never_issued_is_refused(self, site: Site) -> None:
        hub = await site.hub()

        with pytest.raises(CursorExpired):
            await site.listener(hub, after=1)

    async def test_a_listener_whose_changes_are_pruned_while_it_replays_ends(
        self, site: Site
    ) -> None:
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
