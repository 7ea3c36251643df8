"""The longest response, over every transport, and the charge for a long one."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.api.test_live_streams import Events
from tests.sockets import Socket, connecting
from tests.waiting import PATIENCE_SECONDS
from tests.weft.transport.addressed import GOOD, HERE, PLENTY, budget_of, joined, spent
from tests.weft.transport.toy import SCHEMA, Server, serving
from weft.documents.documents import Documents
from weft.rates.budget import BYTES_PER_COST, SENT_BYTES_PER_COST, UNCHARGED_BYTES, CostBudget
from weft.transport.limits import ENVELOPE_BYTES, SocketLimits

LIMIT = 24_000
MESSAGE_LIMIT = 20_000
ECHO = "query ($text: String!) { echo(text: $text) }"
FIELDS = 77
NAMES = [f"{'a' * 248}{number:02}" for number in range(100)]
ADD = f"mutation {{ {' '.join(f'{name}: add' for name in NAMES)} }}"
"""A mutation whose response is longer than LIMIT."""
HELLOS = f"{{ {' '.join(f'{name}: hello' for name in NAMES)} }}"
TICKS = f"subscription {{ ticks {{ {' '.join(f'{name}: number' for name in NAMES[:FIELDS])} }} }}"
"""A subscription whose event is longer than MESSAGE_LIMIT if its number has many digits."""
MANY_DIGITS = 10**9
STREAM = {"accept": "text/event-stream"}


async def find(id_: str) -> str | None:
    return {"long": HELLOS, "short": "{ hello }"}.get(id_)


@pytest.fixture
async def budget() -> CostBudget:
    return budget_of(PLENTY)


@pytest.fixture
async def server(budget: CostBudget) -> AsyncIterator[Server]:
    async with serving(
        answer_limit_bytes=LIMIT,
        budget=budget,
        body_limit_bytes=200_000,
        documents=Documents(SCHEMA.engine.is_valid, find=find),
        http={"max_age_seconds": 60},
        limits=SocketLimits(buffer_bytes=MESSAGE_LIMIT + ENVELOPE_BYTES),
    ) as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    headers = {"x-forwarded-for": HERE}
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, headers=headers) as client:
        yield client


@pytest.fixture
async def socket(server: Server) -> AsyncIterator[Socket]:
    headers = {"x-forwarded-for": HERE}
    async with connecting(server.socket_url, additional_headers=headers) as socket:
        await socket.open()
        yield socket


def echo(text: str) -> dict[str, Any]:
    return {"query": ECHO, "variables": {"text": text}}


def assert_too_large(answer: dict[str, Any], maximum: int) -> None:
    (error,) = answer["errors"]
    assert error["extensions"] == {"code": "RESPONSE_TOO_LARGE", "maximum": maximum}
    assert answer["data"] is None


class TestHttp:
    @pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
    async def test_response_is_as_long_as_the_limit_and_no_longer(
        self, server: Server, client: httpx.AsyncClient, accept: str
    ) -> None:
        async def answer(text: str) -> httpx.Response:
            return await client.post(server.url, json=echo(text), headers={"accept": accept})

        room = LIMIT - len((await answer("")).content)
        longest = await answer("x" * room)
        assert len(longest.content) == LIMIT
        assert longest.json()["data"]["echo"] == "x" * room
        # The limit counts encoded bytes, not characters.
        for text in ("x" * (room + 1), "\1" * (LIMIT // 6), "\N{GRINNING FACE}" * (LIMIT // 4)):
            refused = await answer(text)
            assert refused.status_code == 200
            assert_too_large(refused.json(), LIMIT)

    async def test_mutation_over_the_limit_has_written_and_its_error_says_so(
        self, server: Server, client: httpx.AsyncClient
    ) -> None:
        answer = (await client.post(server.url, json={"query": ADD})).json()
        assert_too_large(answer, LIMIT)
        assert "what it had to write is written" in answer["errors"][0]["message"]
        assert server.witness.counts["added"] == len(NAMES)

    async def test_too_large_response_is_not_cacheable(
        self, server: Server, client: httpx.AsyncClient
    ) -> None:
        kept = await client.get(server.url, params={"documentId": "short"})
        assert "max-age=60" in kept.headers["cache-control"]
        refused = await client.get(server.url, params={"documentId": "long"})
        assert_too_large(refused.json(), LIMIT)
        assert refused.headers["cache-control"] == "no-store"


class TestSocket:
    @pytest.mark.parametrize("direct", [True, False])
    async def test_response_larger_than_the_buffer_leaves_the_socket_open(
        self, direct: bool
    ) -> None:
        limits = SocketLimits(buffer_bytes=MESSAGE_LIMIT + ENVELOPE_BYTES)
        async with (
            serving(answer_limit_bytes=LIMIT, limits=limits, direct=direct) as server,
            connecting(server.socket_url) as socket,
        ):
            await socket.open()
            await socket.subscribe("1", ADD)
            assert_too_large((await socket.receive())["payload"], MESSAGE_LIMIT)
            assert (await socket.receive())["type"] == "complete"
            assert server.witness.counts["added"] == len(NAMES)
            await socket.subscribe("2", "{ hello }")
            assert (await socket.receive())["payload"]["data"] == {"hello": "world"}

    async def test_too_large_event_ends_no_subscription(
        self, server: Server, socket: Socket
    ) -> None:
        await joined(socket, query=TICKS)
        server.witness.tick()
        assert len((await socket.receive())["payload"]["data"]["ticks"]) == FIELDS
        server.witness.ticks = MANY_DIGITS
        server.witness.tick()
        assert_too_large((await socket.receive())["payload"], MESSAGE_LIMIT)
        server.witness.ticks = 1
        server.witness.tick()
        assert len((await socket.receive())["payload"]["data"]["ticks"]) == FIELDS


class TestStream:
    async def test_response_has_the_same_limit_as_over_http(
        self, server: Server, client: httpx.AsyncClient
    ) -> None:
        for text, fits in (("x" * (LIMIT - 100), True), ("x" * LIMIT, False)):
            async with client.stream(
                "POST", server.url, json=echo(text), headers=STREAM
            ) as response:
                events = Events(response)
                type_, data = await events.next()
                assert type_ == "next"
                if fits:
                    assert json.loads(data)["data"] == {"echo": text}
                else:
                    assert_too_large(json.loads(data), LIMIT)
                assert await events.next() == ("complete", "")


class TestCharge:
    async def answered(
        self, server: Server, client: httpx.AsyncClient, budget: CostBudget, text: str
    ) -> tuple[int, int]:
        """The length of a response, and the charge to the address beyond that for the body."""
        body = json.dumps(echo(text)).encode()
        before = spent(budget, HERE)
        headers = {"content-type": "application/json"} | GOOD
        response = await client.post(server.url, content=body, headers=headers)
        received = 1 + len(body) // BYTES_PER_COST
        return len(response.content), spent(budget, HERE) - before - received

    async def test_long_response_is_charged_by_its_bytes(
        self, server: Server, client: httpx.AsyncClient, budget: CostBudget
    ) -> None:
        await self.answered(server, client, budget, "")
        empty, cost = await self.answered(server, client, budget, "")
        for length, charged in (
            (UNCHARGED_BYTES, 0),
            (UNCHARGED_BYTES + 1, UNCHARGED_BYTES // SENT_BYTES_PER_COST),
            (LIMIT, LIMIT // SENT_BYTES_PER_COST),
        ):
            before = spent(budget, "ada", "viewer")
            answer = await self.answered(server, client, budget, "x" * (length - empty))
            assert answer == (length, cost + charged)
            assert spent(budget, "ada", "viewer") - before == cost + charged

    async def test_too_large_response_is_charged_as_well(
        self, server: Server, client: httpx.AsyncClient, budget: CostBudget
    ) -> None:
        await self.answered(server, client, budget, "")
        _, cost = await self.answered(server, client, budget, "")
        _, charged = await self.answered(server, client, budget, "\1" * 20_000)
        assert charged >= cost + 20_000 * len("\\u0001") // SENT_BYTES_PER_COST

    async def test_socket_messages_are_charged_as_well(
        self, server: Server, socket: Socket, budget: CostBudget
    ) -> None:
        async def charged(length: int) -> int:
            before = spent(budget, HERE)
            sent = json.dumps({"type": "subscribe", "id": "1", "payload": echo("x" * length)})
            await socket.connection.send(sent)
            assert [(await socket.receive())["type"] for _ in range(2)] == ["next", "complete"]
            return spent(budget, HERE) - before - 1 - len(sent) // BYTES_PER_COST

        await charged(0)
        cost = await charged(0)
        assert await charged(18_000) == cost + 18_000 // SENT_BYTES_PER_COST
        assert await charged(LIMIT) == cost + LIMIT // SENT_BYTES_PER_COST

    async def test_events_are_charged_as_well(
        self, server: Server, socket: Socket, budget: CostBudget
    ) -> None:
        await joined(socket, query=TICKS)
        charged: list[int] = []
        for number in (1, MANY_DIGITS):
            server.witness.ticks = number
            before = spent(budget, HERE)
            server.witness.tick()
            await socket.receive()
            charged.append(spent(budget, HERE) - before)
        assert charged[1] - charged[0] == 1, "of 19 and of 20 thousand bytes"

    async def test_charge_for_a_response_never_refuses_it(
        self, server: Server, client: httpx.AsyncClient, budget: CostBudget
    ) -> None:
        text = "x" * UNCHARGED_BYTES
        await self.answered(server, client, budget, "")
        _, cost = await self.answered(server, client, budget, "")
        paid = 1 + len(json.dumps(echo(text))) // BYTES_PER_COST + cost
        async with serving(budget=budget_of(paid), body_limit_bytes=200_000) as poor:
            body = json.dumps(echo(text)).encode()
            headers = {"content-type": "application/json"}
            answer = await client.post(poor.url, content=body, headers=headers)
            assert answer.json()["data"] == {"echo": text}
            assert (await client.post(poor.url, json=echo(""))).status_code == 429
