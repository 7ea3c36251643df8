"""Siblings that share a load, as clients see it: cancelling one must not affect the others."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self

import httpx
import msgspec
import pytest

from tests.waiting import soon
from tests.weft.loading.socket import connected
from tests.weft.loading.warehouse import Source, Warehouse, turns
from weft.declare.fields import column, root
from weft.declare.fields import field as batched
from weft.declare.info import Info
from weft.declare.types import output
from weft.errors import BadArgument
from weft.execution.schema import Schema
from weft.explanation import Explanation
from weft.loading.loader import Loader
from weft.transport.front import Front
from weft.transport.http import GraphQLEndpoint
from weft.transport.service import LiveService
from weft.transport.websocket import GraphQLSocket

QUERY = "{ failing: thing { loaded broken } sound: thing { loaded } }"
ANSWER = {"failing": None, "sound": {"loaded": 10}}
LOADED = "{ thing { loaded } }"


class ThingRow(msgspec.Struct, frozen=True):
    id: int


@dataclass
class Shop:
    """Stands for the services, the viewer and the gate."""

    source: Source = field(default_factory=lambda: Source(open=False))
    warehouse: Warehouse = field(default_factory=lambda: Warehouse(1))
    broke: asyncio.Event = field(default_factory=asyncio.Event)
    expires_at: datetime | None = None

    async def viewer(self, authorization: str | None) -> Self:
        return self

    def context(self, viewer: Self, request_id: str) -> "Context":
        return Context(self)

    def sees_schema(self, viewer: Any) -> bool:
        return True

    def explains_to(self, viewer: Any) -> bool:
        return False

    def audience(self, viewer: Self) -> None: ...

    def shared(self, viewer: Self) -> Self:
        return self

    def watch(self, viewer: Self, revoked: Callable[[str], None]) -> Callable[[], None]:
        return lambda: None

    async def open_once_broken(self) -> None:
        """Lets the source answer, long after the failing field has failed."""
        await soon(self.broke.wait())
        await turns(50)
        self.source.gate.set()


class Context:
    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.loader = Loader(shop.warehouse.dispatcher, shop.source.fetch)

    def forget_loaded(self) -> None:
        self.loader.clear_all()

    def explain(self, explanation: Explanation) -> None: ...

    def renew(self) -> "Context":
        return Context(self.shop)


async def thing(info: Info[Context]) -> ThingRow:
    """The thing."""
    return ThingRow(1)


async def loaded(things: Sequence[ThingRow], info: Info[Context]) -> Sequence[int]:
    """A value that all siblings load."""
    return await info.context.loader.load_many([thing.id for thing in things])


async def broken(things: Sequence[ThingRow], info: Info[Context]) -> Sequence[int]:
    """Fails while the other load is in flight."""
    await info.context.shop.source.begun.wait()
    info.context.shop.broke.set()
    raise BadArgument("Broken.")


@output(ThingRow)
class Thing:
    """A thing."""

    id: int = column("Its number.")
    loaded: int = batched(loaded)
    broken: int = batched(broken)


@output()
class Query:
    """The root."""

    thing: Thing | None = root(thing)


@pytest.fixture(params=["compiled", "reference"])
def executor(request: pytest.FixtureRequest) -> Literal["compiled", "reference"]:
    return request.param


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def app(shop: Shop, executor: Literal["compiled", "reference"]) -> Front:
    schema = Schema(Query, executor=executor)
    endpoint = GraphQLEndpoint(schema, shop)
    return Front(endpoint, GraphQLSocket(LiveService(schema, shop)), endpoint)


def client(app: Front) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


def post(http: httpx.AsyncClient, query: str) -> "asyncio.Task[httpx.Response]":
    return asyncio.create_task(http.post("/graphql", json={"query": query}))


def check(answer: dict[str, Any]) -> None:
    assert answer["data"] == ANSWER
    assert [(e["message"], e["path"]) for e in answer["errors"]] == [
        ("Broken.", ["failing", "broken"])
    ]


class TestOverHttp:
    async def test_failing_field_leaves_the_load_to_the_others(self, app: Front, shop: Shop):
        async with client(app) as http:
            request = post(http, QUERY)
            await shop.open_once_broken()
            response = await soon(request)
        assert response.status_code == 200
        check(response.json())
        assert shop.source.batches == [[1]]

    async def test_client_that_disconnects_leaves_the_load_to_the_others(
        self, app: Front, shop: Shop
    ):
        async with client(app) as http:
            gone, staying = post(http, LOADED), post(http, LOADED)
            await soon(shop.source.begun.wait())
            await turns(20)
            gone.cancel()
            await turns(20)
            shop.source.gate.set()
            response = await soon(staying)
        assert response.json() == {"data": {"thing": {"loaded": 10}}}
        assert shop.source.batches == [[1]]


class TestOverWebSocket:
    async def test_failing_field_leaves_the_load_to_the_others(self, app: Front, shop: Shop):
        async with connected(app) as socket:
            socket.start("1", QUERY)
            await shop.open_once_broken()
            check(await socket.next("1"))
            assert await socket.receive() == {"id": "1", "type": "complete"}
            # The socket still answers.
            assert await socket.answer("2", LOADED) == {"data": {"thing": {"loaded": 10}}}

    async def test_completed_operation_leaves_the_load_to_the_others(self, app: Front, shop: Shop):
        async with connected(app) as socket:
            socket.start("gone", LOADED)
            socket.start("staying", LOADED)
            await soon(shop.source.begun.wait())
            await turns(20)
            socket.send({"id": "gone", "type": "complete"})
            await turns(20)
            shop.source.gate.set()
            assert await socket.next("staying") == {"data": {"thing": {"loaded": 10}}}
        assert shop.source.batches == [[1]]
