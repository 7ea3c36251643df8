"""Redis and connections that are lost and come back."""

import asyncio
import os
import signal
from contextlib import aclosing
from typing import Any

import pytest
from structlog.testing import capture_logs

from settings import Settings
from tests.forwarder import forwarding, redis_socket
from tests.waiting import PATIENCE_SECONDS, until
from tests.weft.changes.site import RedisServer, Site, keys_of, take
from weft.changes.channel import follow
from weft.changes.outage import Outage
from weft.changes.reader import LogReader
from weft.postgres.change_log import PostgresChangeLog
from weft.shared_redis import shared_redis

NEVER_MS = 3_600_000


async def write(site: Site, key: int) -> None:
    await site.database.run("INSERT INTO things VALUES ($1)", key)


class TestRedisOutage:
    async def test_redis_outage_loses_and_repeats_nothing(
        self, site_with_own_redis: Site, redis_server: RedisServer
    ) -> None:
        site = site_with_own_redis
        await site.relay()
        listener = await site.listener(await site.hub(poll_ms=50))

        for key in range(9):
            if key % 3 == 1:
                await redis_server.kill()
            if key % 3 == 2:
                await redis_server.start()
            await write(site, key)
            assert keys_of(await take(listener, 1)) == [key]

    async def test_changes_missed_in_an_outage_arrive_as_soon_as_it_ends(
        self, site_with_own_redis: Site, redis_server: RedisServer
    ) -> None:
        site = site_with_own_redis
        relay = await site.relay()
        hub = await site.hub(poll_ms=NEVER_MS)
        listener = await site.listener(hub)
        await redis_server.kill()
        await write(site, 1)

        async def positioned() -> bool:
            return bool(await site.database.run("SELECT FROM changes WHERE position = 1"))

        await until(positioned)
        assert relay.leads
        assert hub.point.position == 0
        await redis_server.start()

        assert keys_of(await take(listener, 1)) == [1]


class TestFollow:
    async def test_follow_reports_when_messages_may_have_been_missed(
        self, site_with_own_redis: Site, redis_server: RedisServer
    ) -> None:
        heard: asyncio.Queue[Any] = asyncio.Queue()
        redis = site_with_own_redis.redis
        task = asyncio.ensure_future(
            follow(redis, lambda: "channel", heard.put_nowait, Outage("redis", "test"))
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await heard.get() is None
            await redis.publish("channel", b"one")
            assert await heard.get() == b"one"
            await redis_server.kill()
            await redis_server.start()
            assert await heard.get() is None
            await redis.publish("channel", b"two")
            assert await heard.get() == b"two"
        task.cancel()

    async def test_follow_replaces_a_connection_that_neither_ends_nor_answers(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("weft.changes.channel._LISTEN_SECONDS", 0.05)
        heard: asyncio.Queue[Any] = asyncio.Queue()
        async with (
            forwarding(redis_socket(str(settings.redis_url))) as network,
            shared_redis(f"redis://127.0.0.1:{network.port}") as redis,
            asyncio.timeout(PATIENCE_SECONDS),
        ):
            task = asyncio.ensure_future(
                follow(redis, lambda: "silent", heard.put_nowait, Outage("redis", "test"))
            )
            assert await heard.get() is None
            network.silence()
            await network.mend()  # for new connections
            assert await heard.get() is None
            await redis.publish("silent", b"one")
            assert await heard.get() == b"one"
            task.cancel()
            await asyncio.wait([task])


class TestConnectionLoss:
    async def test_loss_of_all_connections_loses_and_repeats_no_change(self, site: Site) -> None:
        await site.relay()
        listener = await site.listener(await site.hub(poll_ms=50))

        for key in range(4):
            await write(site, key)
            assert keys_of(await take(listener, 1)) == [key]
            await site.database.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND query LIKE '%changes%' "
                "AND application_name = $1",
                site.database.schema,
            )


class TestSilence:
    async def test_a_database_that_does_not_answer_is_not_waited_for(self, site: Site) -> None:
        stopped = await site.database.connect()
        logs = iter([PostgresChangeLog(stopped, answer_ms=200), await site.database.open_log()])

        async def open_log() -> PostgresChangeLog:
            return next(logs)

        reader = await site.stack.enter_async_context(aclosing(LogReader(open_log)))
        backend = stopped.get_server_pid()
        os.kill(backend, signal.SIGSTOP)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                with pytest.raises(TimeoutError):
                    await reader.last()
            assert (await reader.last()).position == 0
        finally:
            os.kill(backend, signal.SIGCONT)


class TestOutage:
    async def test_outage_is_logged_once_when_it_begins_and_once_when_it_ends(self) -> None:
        outage = Outage("redis", "test")
        with capture_logs() as logs:
            for _ in range(2):
                outage.answered()
                for _ in range(3):
                    outage.failed(ConnectionError("gone"))
                outage.answered()

        assert [entry["event"] for entry in logs] == ["store_lost", "store_found"] * 2
