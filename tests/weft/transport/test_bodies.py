"""Parsed bodies are cached, except those of mutations."""

import gc
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.waiting import PATIENCE_SECONDS
from tests.weft.transport.toy import SCHEMA, Server, serving
from weft.documents.documents import Documents
from weft.errors import BadRequest
from weft.transport.request import Bodies, GraphQLRequest, from_body

SECRET = "a secret of the client"
REGISTERED = {
    "reads": "query ($text: String!) { echo(text: $text) }",
    "writes": "mutation ($text: String) { add(note: $text) }",
}


async def find(id_: str) -> str | None:
    return REGISTERED.get(id_)


def body(query: str, **more: Any) -> bytes:
    return json.dumps({"query": query, **more}).encode()


def taken(bodies: Bodies, sent: bytes, text: str | None = None) -> GraphQLRequest:
    """Reads a body as the endpoint does; `text` is its document if the body only names it."""
    request, is_known = bodies.read(sent)
    if not is_known:
        bodies.keep(sent, request, text or request.query)
    return request


class TestBodies:
    @pytest.mark.parametrize("variables", [None, {}, {"id": "7", "first": 3, "on": None}])
    @pytest.mark.parametrize("named", [{"query": "query ($id: ID) { item }"}, {"documentId": "a"}])
    def test_same_body_gives_the_same_request_object(
        self, variables: Any, named: dict[str, str]
    ) -> None:
        bodies, sent = Bodies(), json.dumps({**named, "variables": variables}).encode()
        first = taken(bodies, sent, "{ item }")
        assert first == from_body(sent)
        assert bodies.read(bytes(bytearray(sent))) == (first, True)
        assert bodies.read(sent)[0] is first

    @pytest.mark.parametrize(
        ("sent", "text"),
        [
            (body('mutation { signIn(password: "secret") { id } }'), None),
            (body("#\nquery A { a }\nmutation\tB { b }", operationName="A"), None),
            (body("query A { a } # no mutation"), None),
            (b'{"query":"mut\\u0061tion { add }"}', None),
            (body("", documentId="a", variables={"password": "secret"}), "mutation M { signIn }"),
            (body("query ($in: In) { item }", variables={"in": {"password": "secret"}}), None),
            (body("query ($in: [In!]) { item }", variables={"in": []}), None),
            (body("{ item }", extensions={"explain": True}), None),
        ],
    )
    def test_mutations_and_changeable_requests_are_not_cached(
        self, sent: bytes, text: str | None
    ) -> None:
        bodies = Bodies()
        first = taken(bodies, sent, text)
        assert bodies.read(sent) == (first, False)
        assert len(bodies) == 0

    def test_malformed_body_is_refused_each_time(self) -> None:
        bodies = Bodies()
        for _ in range(2):
            with pytest.raises(BadRequest):
                bodies.read(b'{"query": "{ a }", "query": "{ b }"}')

    def test_cache_is_bounded_in_bytes(self) -> None:
        bodies = Bodies(max_bytes := 100_000)
        hot = body("{ hot }")
        first = taken(bodies, hot)
        assert taken(bodies, hot) is first
        for number in range(1_000):
            taken(bodies, body("{ item }", variables={"id": number}))
        assert 10 < len(bodies) < max_bytes / 500
        assert taken(bodies, hot) is first


class TestEndpoint:
    """Searches the whole process: no request of a mutation may remain after its response."""

    @pytest.fixture
    async def server(self) -> AsyncIterator[Server]:
        documents = Documents(SCHEMA.engine.is_valid, find=find)
        async with serving(http={"documents": documents}, cors_origins=()) as server:
            yield server

    async def keeps(self, server: Server, accept: str = "*/*", **named: Any) -> bool:
        """Whether the secret in the variables is still in memory after two such requests."""
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
            for _ in range(2):
                sent = {"variables": {"text": SECRET}, **named}
                response = await client.post(server.url, json=sent, headers={"accept": accept})
                assert response.status_code < 500
        gc.collect()
        requests = (one for one in gc.get_objects() if isinstance(one, GraphQLRequest))
        return any(SECRET in (request.variables or {}).values() for request in requests)

    @pytest.mark.parametrize(
        "named",
        [
            {"query": REGISTERED["writes"]},
            {"query": REGISTERED["writes"] + " query A { hello }", "operationName": None},
            {"documentId": "writes"},
            {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "writes"}}},
            {"documentId": "unknown"},
            {"documentId": "writes", "query": ""},
        ],
    )
    @pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
    async def test_body_of_a_mutation_is_not_kept(
        self, server: Server, named: dict[str, Any], accept: str
    ) -> None:
        assert not await self.keeps(server, accept, **named)

    @pytest.mark.parametrize("named", [{"query": REGISTERED["reads"]}, {"documentId": "reads"}])
    async def test_body_of_a_query_is_kept(self, server: Server, named: dict[str, Any]) -> None:
        assert await self.keeps(server, **named)
