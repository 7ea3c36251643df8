"""The relay: wake-ups, standing by and taking over."""

import asyncio
import sys
from contextlib import AsyncExitStack

import redis.asyncio
from structlog.testing import capture_logs

from tests.leaks import server_log
from tests.waiting import PATIENCE_SECONDS, until
from tests.weft.changes.site import Database, Site, keys_of, positions_of, take
from weft.changes.relay import OUTBOX_BATCHES, gather_seconds
from weft.embedded import EmbeddedServers
from weft.postgres.change_log import RELAY_LAG_SECONDS

NEVER_MS = 3_600_000

LEADER = """
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
AND objid = CAST(CAST('changes' AS regclass) AS oid)
"""

RELAY_PROCESS = """
import asyncio, sys
import redis.asyncio
from tests.weft.changes.site import Database
from weft.changes.relay import Relay

dsn, schema, redis_url = sys.argv[1:]

async def main():
    database = Database(dsn, schema)
    async with redis.asyncio.from_url(redis_url) as client:
        await Relay(database.open_log, client, schema, poll_ms=20).run()

asyncio.run(main())
"""


async def leader_of(database: Database) -> int | None:
    rows = await database.run(LEADER)
    return rows[0][0] if rows else None


class TestWake:
    async def test_wake_reaches_the_leader_of_the_same_process(self, site: Site) -> None:
        relay = await site.relay(poll_ms=NEVER_MS)
        listener = await site.listener(await site.hub(poll_ms=NEVER_MS))
        await until(lambda: relay.leads)

        for key in range(3):
            await site.database.run("INSERT INTO things VALUES ($1)", key)
            relay.wake()
            assert keys_of(await take(listener, 1)) == [key]

    async def test_wake_reaches_the_leader_of_another_process(self, site: Site) -> None:
        leader = await site.relay(poll_ms=NEVER_MS)
        await until(lambda: leader.leads)
        standing_by = await site.relay(poll_ms=NEVER_MS)
        listener = await site.listener(await site.hub(poll_ms=NEVER_MS))

        channel = str((await site.channels()).wake())

        async def both_subscribed() -> bool:
            return (await site.redis.pubsub_numsub(channel))[0][1] == 2

        await until(both_subscribed)
        for key in range(3):
            await site.database.run("INSERT INTO things VALUES ($1)", key)
            standing_by.wake()
            assert keys_of(await take(listener, 1)) == [key]
        assert not standing_by.leads

    async def test_wake_up_is_published_no_more_often_than_a_leader_begins_batches(
        self, site: Site
    ) -> None:
        leader = await site.relay(poll_ms=NEVER_MS)
        await until(lambda: leader.leads)
        standing_by = await site.relay(poll_ms=NEVER_MS)
        channel = str((await site.channels()).wake())
        loop = asyncio.get_running_loop()
        async with site.redis.pubsub() as subscription:
            await subscription.subscribe(channel)
            started_at = loop.time()
            for _ in range(50):
                standing_by.wake()
                await asyncio.sleep(0.001)
            most = (loop.time() - started_at) / gather_seconds(1) + 2
            published = 0
            while message := await subscription.get_message(timeout=0.1):
                published += message["type"] == "message"
        assert 1 <= published <= most


class TestTakeover:
    async def test_one_relay_leads_and_another_takes_over_when_it_stops(self, site: Site) -> None:
        async with AsyncExitStack() as first_process:
            first = Site(site.database, site.redis, site.prefix, first_process)
            old = await first.relay()
            await until(lambda: old.leads)
            new = await site.relay()
            listener = await site.listener(await site.hub())
            await site.database.run("INSERT INTO things VALUES (1)")
            await take(listener, 1)
            assert (old.leads, new.leads) == (True, False)

        await site.database.run("INSERT INTO things VALUES (2)")

        assert positions_of(await take(listener, 1)) == [2]
        assert (old.leads, new.leads) == (False, True)

    async def test_a_leader_that_lost_its_connection_stops_and_a_relay_leads_again(
        self, site: Site
    ) -> None:
        for _ in range(2):
            await site.relay()
        listener = await site.listener(await site.hub())
        for key in range(4):
            await site.database.run("INSERT INTO things VALUES ($1)", key)
            assert positions_of(await take(listener, 1)) == [key + 1]
            pid = await leader_of(site.database)
            await site.database.run("SELECT pg_terminate_backend($1)", pid)

    async def test_another_process_takes_over_from_a_killed_leader(
        self, site: Site, servers: EmbeddedServers
    ) -> None:
        database = site.database
        log = server_log()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", RELAY_PROCESS),
            *(database.dsn, database.schema, servers.redis_url),
            stderr=log,
        )
        log.close()
        try:

            async def somebody_leads() -> bool:
                return await leader_of(database) is not None

            await until(somebody_leads)
            relay = await site.relay()
            listener = await site.listener(await site.hub())
            await database.run("INSERT INTO things VALUES (1)")
            assert positions_of(await take(listener, 1)) == [1]
            assert not relay.leads
        finally:
            process.kill()
            await process.wait()

        await database.run("INSERT INTO things VALUES (2)")

        assert positions_of(await take(listener, 1)) == [2]
        assert relay.leads


class TestLag:
    async def test_lag_is_the_age_of_the_oldest_waiting_change(self, site: Site) -> None:
        async def lag_seconds() -> float:
            [record] = await site.database.run(
                RELAY_LAG_SECONDS.sql, *RELAY_LAG_SECONDS.arguments({})
            )
            return RELAY_LAG_SECONDS.row(*record)

        log = await site.leading_log()
        assert await lag_seconds() == 0
        await site.database.run("INSERT INTO things VALUES (1), (2)")
        await site.database.run("UPDATE changes SET at = at - interval '1 hour' WHERE key = 1")
        assert 3600 < await lag_seconds() < 3600 + PATIENCE_SECONDS
        await log.assign_positions()
        assert await lag_seconds() == 0

    async def test_lag_is_logged_when_it_begins_and_when_it_ends(self, site: Site) -> None:
        await site.database.run("INSERT INTO things VALUES (1), (2)")
        await site.database.run("UPDATE changes SET at = at - interval '1 minute'")
        with capture_logs() as logs:
            await site.relay()
            await until(lambda: "relay_caught_up" in [entry["event"] for entry in logs])
        lines = [entry for entry in logs if entry["event"].startswith("relay_")]
        assert [line["event"] for line in lines] == ["relay_leads", "relay_lags", "relay_caught_up"]
        assert 60 < lines[1]["lag_seconds"] < 60 + PATIENCE_SECONDS


class TestRetention:
    async def test_changes_that_are_too_old_are_pruned(self, site: Site) -> None:
        await site.database.run("INSERT INTO things VALUES (1), (2)")
        await site.relay(retention_hours=0)

        async def dropped() -> bool:
            rows = await site.database.run("SELECT position FROM change_horizon")
            return [row[0] for row in rows] == [2]

        await until(dropped)
        assert await site.database.run("SELECT FROM changes") == []


class TestRedis:
    async def test_a_redis_that_never_answers_delays_nothing(self, database: Database) -> None:
        accepted: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(
            lambda _, writer: accepted.append(writer), "127.0.0.1", 0
        )
        port = server.sockets[0].getsockname()[1]
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(redis.asyncio.Redis(port=port))
            site = Site(database, client, database.schema, stack)
            relay = await site.relay(poll_ms=NEVER_MS)
            await until(lambda: relay.leads)
            listener = await site.listener(await site.hub(poll_ms=1))

            # One in flight, a full outbox, and two more: if these waited, the last would be late.
            for key in range(OUTBOX_BATCHES + 3):
                await database.run("INSERT INTO things VALUES ($1)", key)
                relay.wake()
                assert keys_of(await take(listener, 1)) == [key]
        for writer in accepted:
            writer.close()
        server.close()


class TestGathering:
    def test_gathering_is_short_after_a_few_changes_and_longer_after_many(self) -> None:
        times = [gather_seconds(count) for count in (1, 20, 40, 1000)]
        assert times == [0.01, 0.01, 0.02, 0.03]
