"""Generated noise on the HTTP endpoint gets a GraphQL response in JSON, and never a 5xx."""

import asyncio
import json

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.test_sockets import ANY_JSON
from tests.waiting import soon
from tests.weft.transport.toy import Server

NOISE = settings(
    max_examples=100,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "query": ANY_JSON | st.text(alphabet='{}()[]:$!@#"\\. \n\0aé😀helo1', max_size=60),
        "variables": ANY_JSON,
        "operationName": ANY_JSON,
        "documentId": ANY_JSON,
        "extensions": ANY_JSON | st.fixed_dictionaries({"persistedQuery": ANY_JSON}),
    },
)
HEADER_TEXT = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=30)


def assert_graphql(response: httpx.Response) -> None:
    assert response.status_code < 500
    answer = response.json()
    assert answer.keys() <= {"data", "errors", "extensions"}
    for error in answer.get("errors", ()):
        assert error["message"]
        assert error["extensions"]["code"] not in ("", "INTERNAL_SERVER_ERROR")


class TestNoise:
    @NOISE
    @given(body=REQUESTS | ANY_JSON)
    async def test_random_json_gets_a_graphql_response(
        self, client: httpx.AsyncClient, body: object
    ) -> None:
        raw = json.dumps(body)
        headers = {"content-type": "application/json"}
        assert_graphql(await client.post("/graphql", content=raw, headers=headers))

    @NOISE
    @given(body=st.binary(max_size=200))
    async def test_random_bytes_get_a_graphql_response(
        self, client: httpx.AsyncClient, body: bytes
    ) -> None:
        headers = {"content-type": "application/json"}
        assert_graphql(await client.post("/graphql", content=body, headers=headers))

    @NOISE
    @given(query=st.binary(max_size=80))
    async def test_random_query_strings_get_a_graphql_response(
        self, client: httpx.AsyncClient, query: bytes
    ) -> None:
        quoted = "".join(f"%{byte:02x}" for byte in query)
        for form in (f"query={quoted}", quoted, f"documentId={quoted}&variables={quoted}"):
            assert_graphql(await client.get(f"/graphql?{form}"))

    @NOISE
    @given(
        accept=HEADER_TEXT,
        content_type=HEADER_TEXT,
        other=st.dictionaries(
            st.sampled_from(["authorization", "origin", "x-request-id", "content-encoding",
                             "x-forwarded-for", "if-none-match", "cookie", "last-event-id"]),
            HEADER_TEXT,
        ),
    )  # fmt: skip
    async def test_random_headers_get_a_graphql_response(
        self, client: httpx.AsyncClient, accept: str, content_type: str, other: dict[str, str]
    ) -> None:
        headers = {"accept": accept, "content-type": content_type, **other}
        response = await client.post("/graphql", content=b'{"query":"{hello}"}', headers=headers)
        assert_graphql(response)

    @NOISE
    @given(raw=st.binary(min_size=1, max_size=300))
    async def test_random_request_lines_end_the_connection(
        self, server: Server, raw: bytes
    ) -> None:
        reader, writer = await asyncio.open_connection(*server.address.split(":"))
        writer.write(b"GET " + raw + b"\r\n\r\n\r\n\r\n")
        writer.write_eof()
        try:
            answer = await soon(reader.read())
        except ConnectionResetError:
            answer = b""
        writer.close()
        assert not answer.startswith(b"HTTP/1.1 5")
