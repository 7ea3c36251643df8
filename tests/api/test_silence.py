"""A silent network to PostgreSQL or Redis, as seen by clients and health checks."""

import asyncio
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest

from app import create_app
from settings import Settings
from tests.client import Api, Clock, Member
from tests.forwarder import (
    Forwarder,
    Way,
    forwarding,
    postgresql_socket,
    redis_socket,
    through,
)
from tests.processes import serving
from tests.sockets import Socket, address_of, connecting, listening
from tests.waiting import soon, until

READ = "{ items { nodes { title } } }"
CREATE = 'mutation { createItem(input: {title: "New"}) { item { id } } }'
UPDATE = """mutation ($id: ID!) {
    updateItem(input: {id: $id, title: "New"}) { item { id } }
}"""
CHANGES = "subscription { itemChanged { item { title } } }"


@pytest.fixture
async def network(settings: Settings) -> AsyncIterator[Forwarder]:
    """The network to PostgreSQL."""
    async with forwarding(postgresql_socket(str(settings.database_url))) as forwarder:
        yield forwarder


@pytest.fixture
async def redis_network(settings: Settings) -> AsyncIterator[Forwarder]:
    async with forwarding(redis_socket(str(settings.redis_url))) as forwarder:
        yield forwarder


@pytest.fixture
def far(settings: Settings, network: Forwarder, redis_network: Forwarder) -> Settings:
    """Settings of a server that reaches both through the forwarders."""
    return settings.model_copy(
        update={
            "database_url": through(network, str(settings.database_url)),
            "redis_url": f"redis://127.0.0.1:{redis_network.port}",
            "redis_prefix": f"{settings.redis_prefix}-far",
            "statement_timeout_ms": 1_000,
            "cache": "available",
        }
    )


@asynccontextmanager
async def running(far: Settings, connection: asyncpg.Connection) -> AsyncGenerator[Api]:
    async with Api(create_app(far), far, connection, Clock(), []) as api:
        await until(lambda: is_ready(api))
        yield api


@pytest.fixture
async def api(connection: asyncpg.Connection, far: Settings) -> AsyncIterator[Api]:
    async with running(far, connection) as api:
        yield api


async def is_ready(api: Api, method: str = "GET") -> bool:
    return (await soon(api.http.request(method, "/health/ready"))).is_success


async def is_not_ready(api: Api, method: str = "GET") -> bool:
    return not await is_ready(api, method)


async def health(api: Api) -> dict[str, Any]:
    return (await soon(api.http.get("/health/ready"))).json()


async def code_of(api: Api, text: str, by: Member | None = None) -> str | None:
    """Sends an operation; returns the code of its first error, None if there is none."""
    answer = await soon(api.answer(text, by=by))
    return answer["errors"][0]["extensions"]["code"] if "errors" in answer else None


async def is_answered(api: Api, text: str, by: Member | None = None) -> bool:
    return await code_of(api, text, by) is None


class TestPostgresqlSilent:
    async def test_reads_are_unavailable_and_the_server_is_not_ready_while_it_is_silent(
        self, api: Api, network: Forwarder
    ) -> None:
        await until(lambda: is_answered(api, READ))
        network.silence()
        reads = [asyncio.create_task(code_of(api, READ)) for _ in range(20)]
        await until(lambda: is_not_ready(api))
        assert await is_not_ready(api, "HEAD")

        async def both_have_failed() -> bool:
            checks = (await health(api))["checks"]
            return (checks["reading"], checks["writing"]) == ("failed", "failed")

        await until(both_have_failed)
        assert set(await asyncio.gather(*reads)) == {"UNAVAILABLE"}
        assert await code_of(api, READ) == "UNAVAILABLE"
        await network.mend()
        await until(lambda: is_ready(api))
        await until(lambda: is_answered(api, READ))

    async def test_mutations_are_unavailable_while_it_is_silent_and_work_again_afterwards(
        self, api: Api, network: Forwarder
    ) -> None:
        ada = await api.user()
        await until(lambda: is_answered(api, CREATE, ada))
        network.to_server = Way(needle=b"COMMIT", is_needle_sent=True)
        answer = await soon(api.answer(CREATE, by=ada))
        assert answer["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
        assert "unknown" in answer["errors"][0]["message"]
        writes = [asyncio.create_task(code_of(api, CREATE, ada)) for _ in range(20)]
        assert set(await asyncio.gather(*writes)) == {"UNAVAILABLE"}
        await network.mend()
        await until(lambda: is_answered(api, CREATE, ada))

    async def test_live_updates_continue_after_the_silence(
        self, api: Api, network: Forwarder
    ) -> None:
        ada = await api.user()
        async with subscribed(api) as socket:
            await api.item(ada, "Before")
            assert await title_heard(socket) == "Before"
            network.silence()
            await api.item(ada, "In the silence")
            await until(lambda: is_not_ready(api))
            await network.mend()
            assert await title_heard(socket) == "In the silence"

    async def test_server_stops_at_sigterm_while_an_update_waits(
        self, api: Api, far: Settings, network: Forwarder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHUTDOWN_SECONDS", "1")
        monkeypatch.setenv("SHUTDOWN_SPREAD_SECONDS", "0")
        ada = await api.user()
        body = {"query": UPDATE, "variables": {"id": await api.item(ada)}}
        headers = {"authorization": f"Bearer {ada.token}"}
        slow = far.model_copy(update={"statement_timeout_ms": 60_000})
        async with serving(slow) as server, httpx.AsyncClient(headers=headers) as http:

            async def is_updated() -> bool:
                return "errors" not in (await http.post(server.url, json=body)).json()

            await until(is_updated)
            network.to_server = Way(needle=b"BEGIN")
            updating = asyncio.create_task(http.post(server.url, json=body, timeout=None))
            await until(lambda: network.is_silent)
            server.process.send_signal(signal.SIGTERM)
            try:
                await soon(server.process.wait())
            finally:
                if server.process.returncode is None:
                    server.process.kill()
                await asyncio.gather(updating, return_exceptions=True)


class TestRedisSilent:
    async def test_requests_are_answered_and_health_is_degraded(
        self, api: Api, redis_network: Forwarder
    ) -> None:
        ada = await api.user()
        await until(lambda: is_answered(api, CREATE, ada))
        redis_network.silence()
        for text in (READ, CREATE, READ):
            assert await code_of(api, text, ada) is None

        async def is_degraded() -> bool:
            found = await health(api)
            assert found["ready"]
            return found["degraded"] and found["details"]["redis"] == "failed"

        await until(is_degraded)
        await redis_network.mend()

        async def is_whole() -> bool:
            return not (await health(api))["degraded"]

        await until(is_whole)

    async def test_live_updates_continue_by_polling_and_by_redis_after_the_silence(
        self, api: Api, redis_network: Forwarder
    ) -> None:
        ada = await api.user()
        async with subscribed(api) as socket:
            await api.item(ada, "Before")
            assert await title_heard(socket) == "Before"
            redis_network.silence()
            await api.item(ada, "In the silence")
            assert await title_heard(socket) == "In the silence"
            accepted = redis_network.accepted
            await redis_network.mend()
            await until(lambda: redis_network.accepted >= accepted + 2)  # hub and relay
            await api.item(ada, "After")
            assert await title_heard(socket) == "After"

    async def test_shutdown_does_not_wait_for_redis(
        self, connection: asyncpg.Connection, far: Settings, redis_network: Forwarder
    ) -> None:
        async with running(far, connection) as api:
            ada = await api.user()
            redis_network.silence()
            await code_of(api, CREATE, ada)


@asynccontextmanager
async def subscribed(api: Api) -> AsyncGenerator[Socket]:
    """Gives a socket with a subscription; waits until the server has read it."""
    async with listening(api.app) as server:
        await until(lambda: is_ready(api))
        async with connecting(f"ws://{address_of(server)}/graphql") as socket:
            await socket.open()
            await socket.subscribe("1", CHANGES)
            await socket.ping()
            yield socket


async def title_heard(socket: Socket) -> str:
    while (message := await socket.receive())["type"] != "next":
        pass
    return message["payload"]["data"]["itemChanged"]["item"]["title"]
