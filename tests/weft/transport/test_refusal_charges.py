"""What is refused before it is read is charged, too: a request, or the handshake of a socket."""

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
    async def test_that_is_refused_costs_something(
        self, server: Server, client: httpx.AsyncClient, budget: Recorded, name: str
    ) -> None:
        method, headers, content, status = REQUESTS[name]
        response = await client.request(method, server.url, headers=headers, content=content)
        assert response.status_code == status
        assert budget.since() == {ADDRESS: 1}

    @pytest.mark.parametrize("name", ["a method", "what it accepts", "a content type", "options"])
    async def test_of_a_client_that_has_spent_all_is_429(
        self, server: Server, client: httpx.AsyncClient, budget: Recorded, name: str
    ) -> None:
        budget.charge(ADDRESS, LIMIT)
        method, headers, content, _ = REQUESTS[name]
        response = await client.request(method, server.url, headers=headers, content=content)
        assert response.status_code == 429

    async def test_with_too_long_a_query_string_is_charged_by_its_bytes(
        self, server: Server, client: httpx.AsyncClient, budget: Recorded
    ) -> None:
        query = "query=" + "x" * BODY_LIMIT_BYTES
        assert (await client.get(f"{server.url}?{query}")).status_code == 414
        assert budget.since() == {ADDRESS: cost_of(query)}

    async def test_with_too_long_a_body_is_charged_by_what_came_of_it(
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
    async def test_that_is_refused_costs_something(
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

    async def test_without_the_subprotocol_costs_something(
        self, server: Server, budget: Recorded
    ) -> None:
        async with connect(server.socket_url, additional_headers=FROM, proxy=None) as connection:
            await connection.wait_closed()
        assert budget.since() == {ADDRESS: 1}
