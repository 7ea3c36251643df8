"""Requests and handshakes of sockets that are refused before they are read are charged, too."""

from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest
from redis.asyncio import Redis
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.sockets import TRANSPORT_WS
from tests.waiting import PATIENCE_SECONDS
from tests.weft.transport.charged import ADDRESS, FROM, LIMIT, Recorded, cost_of
from tests.weft.transport.toy import Server, serving
from weft.rates.windows import Windows

BODY_LIMIT_BYTES = 10_000
JSON = {"content-type": "application/json"}
PREFLIGHT = {"access-control-request-method": "POST"}
KNOWN, EVIL = {"origin": "https://app.example"}, {"origin": "https://evil.example"}

REQUESTS: dict[str, tuple[str, dict[str, str], bytes, int]] = {
    "a method": ("DELETE", {}, b"", 405),
    "what it accepts": ("POST", JSON | {"accept": "image/png"}, b"{}", 406),
    "what it accepts by GET": ("GET", {"accept": "image/png"}, b"", 406),
    "a content type": ("POST", {"content-type": "text/plain"}, b"{}", 415),
    "a compressed body": ("POST", JSON | {"content-encoding": "gzip"}, b"{}", 415),
    "options": ("OPTIONS", {}, b"", 204),
    "an announced length": ("POST", JSON, b" " * (BODY_LIMIT_BYTES + 1), 413),
    "a host": ("POST", JSON | {"host": "evil.example"}, b"{}", 400),
    "a preflight that is allowed": ("OPTIONS", KNOWN | PREFLIGHT, b"", 200),
    "a preflight": ("OPTIONS", EVIL | PREFLIGHT, b"", 400),
}


@pytest.fixture
async def budget() -> AsyncIterator[Recorded]:
    async with Redis.from_url("redis://127.0.0.1:1/0") as redis:
        budget = Recorded(Windows(redis, "nowhere"), LIMIT)
        budget.charged = Counter()
        yield budget


@pytest.fixture
async def server(budget: Recorded) -> AsyncIterator[Server]:
    hosts = ("127.0.0.1",)
    async with serving(
        budget=budget, body_limit_bytes=BODY_LIMIT_BYTES, allowed_hosts=hosts
    ) as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, headers=FROM) as client:
        yield client


class TestRequest:
    @pytest.mark.parametrize("name", REQUESTS)
    async def test_refused_request_is_charged(
        self, server: Server, client: httpx.AsyncClient, budget: Recorded, name: str
    ) -> None:
        method, headers, content, status = REQUESTS[name]
        response = await client.request(method, server.url, headers=headers, content=content)
        assert response.status_code == status
        assert budget.since() == {ADDRESS: 1}

    @pytest.mark.parametrize("name", ["a method", "what it accepts", "a content type", "options"])
    async def test_request_after_the_budget_is_exhausted_is_429(
        self, server: Server, client: httpx.AsyncClient, budget: Recorded, name: str
    ) -> None:
        budget.charge(ADDRESS, LIMIT)
        method, headers, content, _ = REQUESTS[name]
        response = await client.request(method, server.url, headers=headers, content=content)
        assert response.status_code == 429

    async def test_query_string_over_the_limit_is_charged_by_its_bytes(
        self, server: Server, client: httpx.AsyncClient, budget: Recorded
    ) -> None:
        query = "query=" + "x" * BODY_LIMIT_BYTES
        assert (await client.get(f"{server.url}?{query}")).status_code == 414
        assert budget.since() == {ADDRESS: cost_of(query)}

    async def test_body_over_the_limit_is_charged_by_the_bytes_received(
        self, server: Server, client: httpx.AsyncClient, budget: Recorded
    ) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(BODY_LIMIT_BYTES // 1_000 + 1):
                yield b" " * 1_000

        response = await client.post(server.url, content=chunks(), headers=JSON)
        assert response.status_code == 413
        assert budget.since()[ADDRESS] >= cost_of(b" " * BODY_LIMIT_BYTES)


HANDSHAKES: dict[str, tuple[str, dict[str, str], str]] = {
    "another path": ("/else", {}, "127.0.0.1"),
    "another origin": ("/graphql", EVIL, "127.0.0.1"),
    "another host": ("/graphql", {}, "api.example"),
}


class TestHandshake:
    @pytest.mark.parametrize("direct", [True, False])
    @pytest.mark.parametrize("name", HANDSHAKES)
    async def test_refused_handshake_is_charged(
        self, budget: Recorded, direct: bool, name: str
    ) -> None:
        path, headers, host = HANDSHAKES[name]
        async with serving(budget=budget, allowed_hosts=(host,), direct=direct) as server:
            with pytest.raises(InvalidStatus):
                async with connect(
                    f"ws://{server.address}{path}",
                    additional_headers=FROM | headers,
                    subprotocols=[TRANSPORT_WS],
                    proxy=None,
                ):
                    pass
        assert budget.since() == {ADDRESS: 1}

    async def test_handshake_without_the_subprotocol_is_charged(
        self, server: Server, budget: Recorded
    ) -> None:
        async with connect(server.socket_url, additional_headers=FROM, proxy=None) as connection:
            await connection.wait_closed()
        assert budget.since() == {ADDRESS: 1}
