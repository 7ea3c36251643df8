"""All bytes that a client sends are charged, once, and before they are parsed."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from cProfile import Profile
from hashlib import sha256
from urllib.parse import quote

import httpx
import pytest
from redis.asyncio import Redis

from tests.sockets import Socket, connecting
from tests.waiting import PATIENCE_SECONDS
from tests.weft.transport.charged import (
    ADDRESS,
    BODIES,
    EMPTY,
    FROM,
    LIMIT,
    LONG,
    MESSAGES,
    SIGNED_IN,
    VIEWER,
    Recorded,
    body,
    cost_of,
    message,
)
from tests.weft.transport.toy import SCHEMA, Server, serving
from weft.documents.documents import Documents
from weft.errors import RateLimited
from weft.rates.address import CLIENT
from weft.rates.budget import BYTES_PER_COST, charge_bytes
from weft.rates.windows import Windows
from weft.transport import strict_json
from weft.transport.messages import UNPAID_BYTES


@pytest.fixture
async def budget() -> AsyncIterator[Recorded]:
    async with Redis.from_url("redis://127.0.0.1:1/0") as redis:
        budget = Recorded(Windows(redis, "nowhere"), LIMIT)
        budget.charged = Counter()
        yield budget


REGISTERED = {"empty": EMPTY}


async def find(id_: str) -> str | None:
    return REGISTERED.get(id_)


@pytest.fixture
async def server(budget: Recorded) -> AsyncIterator[Server]:
    documents = Documents(SCHEMA.engine.is_valid, find=find)
    async with serving(budget=budget, documents=documents, body_limit_bytes=200_000) as server:
        SCHEMA.engine.operation(EMPTY)
        SCHEMA.engine.operation("{ hello }")
        yield server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, headers=FROM) as client:
        response = await client.post(server.url, json={"query": EMPTY})
        assert response.status_code == 200
        yield client


@pytest.fixture
async def socket(server: Server, client: httpx.AsyncClient) -> AsyncIterator[Socket]:
    async with connecting(server.socket_url, additional_headers=FROM) as socket:
        await socket.open()
        yield socket


class TestHttp:
    @pytest.mark.parametrize("sent", BODIES.values(), ids=BODIES)
    @pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
    async def test_bodies_are_charged_by_their_bytes(
        self, server: Server, client: httpx.AsyncClient, budget: Recorded, sent: bytes, accept: str
    ) -> None:
        headers = {"accept": accept, "content-type": "application/json"}
        for _ in range(2):
            budget.since()
            await client.post(server.url, content=sent, headers=headers)
            assert budget.since()[ADDRESS] == cost_of(sent)

    async def test_query_strings_are_charged_by_their_bytes(
        self, server: Server, client: httpx.AsyncClient, budget: Recorded
    ) -> None:
        variables = quote(json.dumps({"a": "x" * 5_000}))
        for query in (f"query={quote(EMPTY)}&variables={variables}", "other=" + "x" * 5_000):
            budget.since()
            await client.get(f"{server.url}?{query}")
            assert budget.since()[ADDRESS] == cost_of(query)

    async def test_compiling_a_document_is_charged_to_its_first_sender(
        self, server: Server, client: httpx.AsyncClient, budget: Recorded
    ) -> None:
        text = "{ hello # charged by bytes, characters, tokens and fields\n }"
        sent = body(text)
        budget.since()
        await client.post(server.url, content=sent, headers=JSON | SIGNED_IN)
        tokens, fields = 4, 1  # a comment is a token
        compiling = 1 + len(text) // 4 + tokens + fields
        first = budget.since()
        running = first[VIEWER] - compiling
        assert first[ADDRESS] == cost_of(sent) + compiling + running
        await client.post(server.url, content=sent, headers=JSON | SIGNED_IN)
        assert budget.since() == {ADDRESS: cost_of(sent) + running, VIEWER: running}

    async def test_explanation_contains_all_charges(
        self, server: Server, client: httpx.AsyncClient, budget: Recorded
    ) -> None:
        for text in ("{ hello # explained\n }", "{ hello # explained\n }", "{ unknown }"):
            sent = body(text, extensions={"explain": True})
            budget.since()
            response = await client.post(server.url, content=sent, headers=JSON | SIGNED_IN)
            charged = response.json()["extensions"]["explain"]["charged"]
            assert charged == budget.since()[ADDRESS]

    async def test_registered_document_is_charged_like_any_other(
        self, server: Server, client: httpx.AsyncClient, budget: Recorded
    ) -> None:
        sent = b'{"documentId":"empty"}'
        for _ in range(2):
            budget.since()
            response = await client.post(server.url, content=sent, headers=JSON)
            assert response.json()["data"] == {"__typename": "Query"}
            assert budget.since()[ADDRESS] == cost_of(sent)

    @pytest.mark.parametrize(("text", "times"), [("{ hello #1\n }", 1), ("{ wrong #1\n }", 2)])
    async def test_document_registered_by_sending_it_is_charged_for_each_parse(
        self,
        server: Server,
        client: httpx.AsyncClient,
        budget: Recorded,
        text: str,
        times: int,
    ) -> None:
        named = {"version": 1, "sha256Hash": sha256(text.encode()).hexdigest()}
        sent = body(text, extensions={"persistedQuery": named})
        budget.since()
        profile = Profile()
        profile.enable()
        await client.post(server.url, content=sent, headers=JSON)
        profile.disable()
        assert calls("read_document", profile) == times
        assert budget.since()[ADDRESS] > cost_of(sent) + times * (1 + len(text) // 4)

    async def test_document_refused_by_get_is_parsed_once(
        self, server: Server, client: httpx.AsyncClient
    ) -> None:
        profile = Profile()
        profile.enable()
        wrong = await client.get(f"{server.url}?query={quote('{ wrong }')}")
        profile.disable()
        assert wrong.status_code in (200, 400)
        assert calls("read_document", profile) == 1
        writes = await client.get(f"{server.url}?query={quote('mutation { add }')}")
        assert writes.status_code == 405

    async def test_bodies_are_not_parsed_after_the_budget_is_exhausted(
        self, server: Server, client: httpx.AsyncClient, budget: Recorded
    ) -> None:
        budget.charge(ADDRESS, LIMIT)
        for sent in BODIES.values():
            profile = Profile()
            profile.enable()
            response = await client.post(server.url, content=sent, headers=JSON)
            profile.disable()
            assert response.status_code == 429
            assert calls(strict_json.decode.__name__, profile, strict_json.__file__) == 0


JSON = {"content-type": "application/json"}


def calls(name: str, profile: Profile, file: str | None = None) -> int:
    return sum(
        entry.callcount
        for entry in profile.getstats()
        if getattr(entry.code, "co_name", None) == name
        and file in (None, getattr(entry.code, "co_filename", None))
    )


class TestSocket:
    @pytest.mark.parametrize("make", MESSAGES.values(), ids=MESSAGES)
    async def test_messages_are_charged_by_their_bytes(
        self, socket: Socket, budget: Recorded, make: Callable[[], str]
    ) -> None:
        budget.since()
        await socket.connection.send(make())
        await socket.connection.send(message("ping"))
        closes = await _until_pong(socket)
        assert budget.since()[ADDRESS] == cost_of(make()) + (0 if closes else 1)

    async def test_first_message_is_charged_by_its_bytes(
        self, server: Server, client: httpx.AsyncClient, budget: Recorded
    ) -> None:
        budget.since()
        async with connecting(server.socket_url, additional_headers=FROM) as socket:
            await socket.open(padding=LONG)
            sent = json.dumps({"type": "connection_init", "payload": {"padding": LONG}})
            assert budget.since()[ADDRESS] == cost_of(sent)

    async def test_socket_stays_open_after_the_budget_is_exhausted(
        self, socket: Socket, budget: Recorded
    ) -> None:
        await socket.subscribe("live", "subscription { endless }")
        assert (await socket.receive())["type"] == "next"
        budget.charge(ADDRESS, LIMIT)
        await socket.ping()
        for query in (EMPTY, LONG):
            await socket.subscribe("1", query)
            refused = await socket.receive()
            assert (refused["type"], refused["id"]) == ("error", "1")
            assert refused["payload"][0]["extensions"]["code"] == "TOO_MANY_REQUESTS"
        await socket.ping(a="x" * (UNPAID_BYTES // 2))
        await socket.send("ping", payload={"a": "x" * UNPAID_BYTES})
        assert (await socket.closed())[0] == 1013


async def _until_pong(socket: Socket) -> bool:
    """Whether the socket is closed before it answers a ping without a payload."""
    try:
        while (await socket.receive()) != {"type": "pong"}:
            pass
    except Exception:
        return True
    return False


def test_programs_on_this_machine_are_not_charged(budget: Recorded) -> None:
    token = CLIENT.set(None)
    try:
        assert charge_bytes(budget, 10**9) == 1 + 10**7
        assert budget.since() == {}
        CLIENT.set("a")
        charge_bytes(budget, LIMIT * BYTES_PER_COST)
        with pytest.raises(RateLimited):
            charge_bytes(budget, 1)
    finally:
        CLIENT.reset(token)
