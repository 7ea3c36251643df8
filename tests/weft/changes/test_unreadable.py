"""Changes that no trigger wrote: the changes after them are still delivered."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from db.recorded import touched
from tests.weft.changes.site import Database, Site, keys_of, positions_of
from weft.changes.change import BEGINNING
from weft.postgres.change_log import RELAY_LAG_SECONDS, PostgresChangeLog
from weft.postgres.connection import ReadConnection

INSERT = "INSERT INTO changes (entity, key, kind, before, after, at) VALUES "
UNREADABLE = [
    "('Item', 7, 'JUMPED', NULL, NULL, now())",
    "('Item', 7, 'UPDATED', '5', '[]', now())",
    "('Item', 7, 'UPDATED', '{\"owner_id\": 1}', '{}', now())",
    "('Item', 7, 'UPDATED', '{\"owner_id\": \"x\", \"status\": null}', NULL, now())",
    "('Session', 7, 'DELETED', '{}', NULL, now())",
    "('User', 7, 'UPDATED', '{\"role\": 1e400}', NULL, now())",
]
WITH_BAD_TIMES = [
    f"('Thing', 1, 'UPDATED', '{{}}', '{{}}', '{time}')"
    for time in ("infinity", "-infinity", "12000-01-01", "0044-03-15 BC")
]


@pytest.fixture
async def log(database: Database) -> AsyncGenerator[PostgresChangeLog]:
    async with aclosing(await database.open_log()) as opened:
        assert await opened.try_lead()
        yield opened


@pytest.mark.parametrize("values", [*UNREADABLE, *WITH_BAD_TIMES])
class TestLog:
    async def test_unreadable_change_gets_a_position_and_reading_continues(
        self, database: Database, log: PostgresChangeLog, values: str
    ) -> None:
        await database.run(INSERT + values)
        await database.run("INSERT INTO things VALUES (2)")
        assigned = await log.assign_positions()
        assert positions_of(assigned) == [1, 2]
        assert keys_of(assigned)[1] == 2
        assert [touched(change) for change in assigned.changes] == [[], []]
        assert positions_of(await log.after(BEGINNING)) == [1, 2]

    async def test_unreadable_change_is_pruned(
        self, database: Database, log: PostgresChangeLog, values: str
    ) -> None:
        await database.run(INSERT + values)
        await log.assign_positions()
        assert await log.prune(0) == 1

    async def test_lag_of_an_unreadable_change_is_finite(
        self, database: Database, log: PostgresChangeLog, values: str
    ) -> None:
        await database.run(INSERT + values)
        raw = await database.connect()
        connection = ReadConnection(raw, lambda sql, seconds: None)
        (seconds,) = await connection.all(RELAY_LAG_SECONDS)
        await raw.close()
        assert 0 <= seconds < float("inf")


async def test_subscribers_get_the_changes_after_unreadable_ones(
    site: Site, database: Database
) -> None:
    await site.relay()
    hub = await site.hub()
    async with hub.listen(lambda change: change.entity == "Thing") as listener:
        for values in UNREADABLE:
            await database.run(INSERT + values)
        await database.run("INSERT INTO things VALUES (2)")
        async for change in listener:
            assert change.key == 2
            break
