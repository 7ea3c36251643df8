"""Positions, leadership and retention in PostgreSQL."""

import itertools
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.waiting import until
from tests.weft.changes.site import Database, keys_of, positions_of
from tests.weft.changes.writer import Writer
from weft.changes.change import Change
from weft.changes.errors import CursorExpired
from weft.changes.log import BATCH_LIMIT
from weft.postgres.change_log import (
    ASSIGN_POSITIONS,
    CHANGES_AFTER,
    PENDING_CHANGES,
    PostgresChangeLog,
)


@pytest.fixture
async def log(database: Database) -> AsyncGenerator[PostgresChangeLog]:
    async with aclosing(await database.open_log()) as opened:
        assert await opened.try_lead()
        yield opened


LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)

writers = st.integers(0, 2)
writing = st.tuples(st.just("write"), writers, st.integers(1, 4))
steps = st.one_of(
    writing,
    writing,
    st.tuples(st.just("commit"), writers, st.just(0)),
    st.tuples(st.just("rollback"), writers, st.just(0)),
    st.tuples(st.just("assign"), st.just(0), st.just(0)),
)


class TestAssignPositions:
    async def test_a_change_that_committed_later_comes_later_whatever_its_id(
        self, database: Database, log: PostgresChangeLog
    ) -> None:
        slow = await database.connect()
        async with aclosing_connection(slow), slow.transaction():
            await slow.execute("INSERT INTO things VALUES (1)")
            await database.run("INSERT INTO things VALUES (2)")
            early = await log.assign_positions()
        late = await log.assign_positions()

        assert (keys_of(early), positions_of(early)) == ([2], [1])
        assert (keys_of(late), positions_of(late)) == ([1], [2])

    @settings(
        max_examples=30,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(schedule=st.lists(steps, min_size=10, max_size=60))
    async def test_positions_are_gapless_final_and_in_commit_order_for_each_row(
        self, database: Database, log: PostgresChangeLog, schedule: list[tuple[str, int, int]]
    ) -> None:
        start = await log.last()
        committed: list[tuple[int, int]] = []
        assigned: list[Change] = []
        async with AsyncExitStack() as stack:
            running = [Writer(await database.connect()) for _ in range(3)]
            for writer in running:
                stack.push_async_callback(writer.connection.close)
            for value, (step, number, key) in enumerate(schedule):
                writer = running[number]
                locked = {k for w in running if w is not writer for k, _ in w.written}
                if step == "assign":
                    assigned += (await log.assign_positions()).changes
                elif step != "write":
                    committed += await writer.end(commit=step == "commit")
                elif key not in locked:
                    await writer.write(key, value)
            for writer in running:
                committed += await writer.end(commit=True)
        assigned += (await log.assign_positions()).changes

        expected = range(start.position + 1, start.position + len(committed) + 1)
        assert positions_of(assigned) == list(expected)
        for key in range(1, 5):
            seen = [c.after["owner_id"] for c in assigned if c.key == key and c.after]
            assert seen == [value for k, value in committed if k == key]
        assert (await log.after(start)).changes == assigned

    async def test_prepare_gets_changes_before_their_positions_are_visible(
        self, database: Database, log: PostgresChangeLog
    ) -> None:
        others, told = await database.open_log(), list[tuple[list[int], list[int], int]]()

        async def prepare(changes: list[Change]) -> None:
            seen = (await others.last()).position
            told.append((keys_of(changes), positions_of(changes), seen))

        async with aclosing(others):
            start = (await others.last()).position
            await log.assign_positions(prepare)
            await database.run("INSERT INTO things VALUES (1), (2)")
            assigned = await log.assign_positions(prepare)
        assert told == [([], [], start), ([1, 2], [0, 0], start)]
        assert positions_of(assigned) == [start + 1, start + 2]

    async def test_a_change_written_long_before_its_commit_gets_a_position(
        self, database: Database, log: PostgresChangeLog
    ) -> None:
        slow = await database.connect()
        async with aclosing_connection(slow), slow.transaction():
            await slow.execute("INSERT INTO things VALUES (1)")
            for key in range(2, 7):
                await database.run("INSERT INTO things VALUES ($1)", key)
                assert keys_of(await log.assign_positions()) == [key]

        assert keys_of(await log.assign_positions()) == [1]

    async def test_a_long_transaction_that_others_overtook_gets_all_positions(
        self, database: Database, log: PostgresChangeLog
    ) -> None:
        rows = BATCH_LIMIT * 2
        slow = await database.connect()
        async with aclosing_connection(slow), slow.transaction():
            await slow.execute(f"INSERT INTO things SELECT generate_series(1, {rows})")
            await database.run("INSERT INTO things VALUES (0)")
            assert keys_of(await log.assign_positions()) == [0]

        found = [change for _ in range(2) for change in (await log.assign_positions()).changes]
        assert keys_of(found) == list(range(1, rows + 1))

    async def test_lowest_ids_get_positions_first_when_there_are_many(
        self, database: Database, log: PostgresChangeLog
    ) -> None:
        rows = BATCH_LIMIT * 2 + 5
        await database.run(f"INSERT INTO things SELECT generate_series(1, {rows})")

        batches = [await log.assign_positions() for _ in range(4)]

        assert [len(batch) for batch in batches] == [BATCH_LIMIT, BATCH_LIMIT, 5, 0]
        assert keys_of([c for batch in batches for c in batch.changes]) == list(range(1, rows + 1))

    async def test_settled_id_advances_while_vacuum_is_held_back(
        self, database: Database, log: PostgresChangeLog
    ) -> None:
        backup = await database.connect()
        keys = itertools.count()

        async def settled() -> bool:
            await database.run("INSERT INTO things VALUES ($1)", next(keys))
            await log.assign_positions()
            return log.settled_id >= 5

        async with aclosing_connection(backup), backup.transaction(isolation="repeatable_read"):
            await backup.execute("SELECT FROM things")
            # Writers of other tests in the same server delay it while they last.
            await until(settled)

    async def test_no_statement_scans_the_whole_table(
        self, database: Database, log: PostgresChangeLog
    ) -> None:
        await database.run("INSERT INTO things SELECT generate_series(1, 20000)")
        while await log.assign_positions():
            pass
        await database.run("ANALYZE changes")
        connection = await database.connect()
        async with aclosing_connection(connection):
            await connection.execute("SET plan_cache_mode = force_generic_plan")
            for statement, given in (
                (PENDING_CHANGES, {"settled_id": 9, "position": 19_990, "mark": b"123456"}),
                (ASSIGN_POSITIONS, {"id": [19_999, 20_000]}),
                (CHANGES_AFTER, {"position": 19_990, "page_start": 19_000}),
            ):
                plan = await connection.fetch(
                    f"EXPLAIN {statement.sql}", *statement.arguments(given)
                )
                assert not [line[0] for line in plan if "Seq Scan on changes" in line[0]]


class TestLeadership:
    async def test_leadership_is_exclusive_and_ends_with_its_connection(
        self, database: Database, log: PostgresChangeLog
    ) -> None:
        async with aclosing(await database.open_log()) as other:
            assert not await other.try_lead()
            await log.aclose()
            await until(other.try_lead)

    async def test_leadership_of_a_silent_leader_ends(self, database: Database) -> None:
        silent = PostgresChangeLog(await database.connect(), lease_ms=100)
        async with aclosing(silent), aclosing(await database.open_log()) as other:
            assert await silent.try_lead()
            await until(other.try_lead)
            with pytest.raises(LOST):
                await silent.assign_positions()

    async def test_each_log_has_a_leader_of_its_own(
        self, database: Database, log: PostgresChangeLog
    ) -> None:
        await database.run(f"CREATE SCHEMA {database.schema}_other")
        try:
            await database.run(f"CREATE TABLE {database.schema}_other.changes ()")
            elsewhere = Database(database.dsn, f"{database.schema}_other")
            async with aclosing(await elsewhere.open_log()) as other:
                assert await other.try_lead()
        finally:
            await database.run(f"DROP SCHEMA {database.schema}_other CASCADE")


class TestPrune:
    async def test_prune_drops_the_oldest_up_to_the_first_young_change(
        self, database: Database, log: PostgresChangeLog
    ) -> None:
        await database.run("INSERT INTO things SELECT generate_series(1, 4)")
        await log.assign_positions()
        old = "UPDATE changes SET at = at - interval '2 hours' WHERE position = ANY($1)"
        await database.run(old, [1, 2, 4])

        assert await log.prune(3600) == 2
        assert await log.prune(3600) == 0
        assert positions_of(await log.after(await database.point(2))) == [3, 4]

    async def test_positions_continue_when_all_changes_were_pruned(
        self, database: Database, log: PostgresChangeLog
    ) -> None:
        await database.run("INSERT INTO things VALUES (1), (2)")
        await log.assign_positions()
        assert await log.prune(0) == 2
        assert (await log.last()).position == 2

        await database.run("INSERT INTO things VALUES (3)")

        assert positions_of(await log.assign_positions()) == [3]

    async def test_changes_without_a_position_are_not_pruned(
        self, database: Database, log: PostgresChangeLog
    ) -> None:
        await database.run("INSERT INTO things VALUES (1)")

        assert await log.prune(0) == 0
        assert keys_of(await log.assign_positions()) == [1]

    async def test_prune_drops_one_batch_at_a_time(
        self, database: Database, log: PostgresChangeLog
    ) -> None:
        await database.run(f"INSERT INTO things SELECT generate_series(1, {BATCH_LIMIT + 1})")
        while await log.assign_positions():
            pass

        assert [await log.prune(0) for _ in range(3)] == [BATCH_LIMIT, 1, 0]


class TestAfter:
    async def test_a_position_that_is_gone_or_was_never_assigned_is_refused(
        self, database: Database, log: PostgresChangeLog
    ) -> None:
        await database.run("INSERT INTO things VALUES (1), (2)")
        await log.assign_positions()
        await log.prune(0)

        assert not await log.after(await database.point(2))
        for position in (0, 1, 3):
            with pytest.raises(CursorExpired):
                await log.after(await database.point(position))


def aclosing_connection(connection: asyncpg.Connection) -> AsyncExitStack:
    stack = AsyncExitStack()
    stack.push_async_callback(connection.close)
    return stack
