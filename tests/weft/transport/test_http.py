"""GraphQL over HTTP: status codes, credentials, methods, cancellation."""

import asyncio
import json

import httpx
import pytest

from tests.hostile.test_shapes import answers
from tests.waiting import PATIENCE_SECONDS, soon
from tests.weft.transport.requests import GRAPHQL, JSON, only_error, post
from tests.weft.transport.toy import Server, serving


class TestStatus:
    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("{ hello }", 200),
            ("{ hello", 400),
            ("{ nothing }", 400),
            ("query A { hello } query B { hello }", 400),
            ("query ($text: String!) { echo(text: $text) }", 400),
            ("subscription { count(to: 1) }", 400),
        ],
    )
    async def test_operation_that_cannot_run_is_400_but_200_in_plain_json(
        self, client: httpx.AsyncClient, query: str, status: int
    ) -> None:
        response = await post(client, query=query)
        assert response.status_code == status
        assert ("data" in response.json()) == (status == 200)
        legacy = await post(client, JSON, query=query)
        assert legacy.status_code == 200
        assert ("data" in legacy.json()) == (status == 200)

    async def test_failed_field_is_200(self, client: httpx.AsyncClient) -> None:
        response = await post(client, query="{ broken }")
        assert response.status_code == 200
        answer = response.json()
        assert answer["data"] is None
        assert answer["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert "secret" not in response.text

    async def test_errors_come_first_in_the_response(self, client: httpx.AsyncClient) -> None:
        response = await post(client, query="{ hello broken }")
        assert list(response.json()) == ["errors", "data"]

    async def test_result_that_cannot_be_encoded_is_a_masked_500(
        self, client: httpx.AsyncClient
    ) -> None:
        response = await post(client, query="{ unwritable }")
        assert response.status_code == 500
        assert only_error(response)["message"] == "Internal server error"


class TestCredentials:
    @pytest.mark.parametrize(
        ("token", "status", "code"),
        [
            ("nonsense", 401, "UNAUTHENTICATED"),
            ("unavailable", 503, "UNAVAILABLE"),
            ("broken", 500, "INTERNAL_SERVER_ERROR"),
        ],
    )
    async def test_status_and_code_say_why_credentials_are_refused(
        self, client: httpx.AsyncClient, token: str, status: int, code: str
    ) -> None:
        response = await client.post(
            "/graphql",
            json={"query": "{ hello }"},
            headers={"authorization": f"Bearer {token}"},
        )
        assert response.status_code == status
        assert only_error(response)["extensions"]["code"] == code
        assert "secret" not in response.text
        assert response.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)
        assert response.headers.get("retry-after") == ("1" if status == 503 else None)

    async def test_credentials_reach_the_operation(self, client: httpx.AsyncClient) -> None:
        response = await client.post(
            "/graphql",
            json={"query": "{ viewer }"},
            headers={"authorization": "Bearer good"},
        )
        assert response.json() == {"data": {"viewer": "ada"}}

    @pytest.mark.parametrize("empty", ["", "Bearer", "bearer"])
    @pytest.mark.parametrize("accept", [JSON, "text/event-stream"])
    async def test_empty_credentials_are_anonymous(
        self, client: httpx.AsyncClient, empty: str, accept: str
    ) -> None:
        headers = {"authorization": empty, "accept": accept}
        response = await client.post("/graphql", json={"query": "{ viewer }"}, headers=headers)
        assert response.status_code == 200
        assert '{"data":{"viewer":"stranger"}}' in response.text

    async def test_repeated_authorization_is_refused(self, client: httpx.AsyncClient) -> None:
        response = await client.post(
            "/graphql",
            json={"query": "{ viewer }"},
            headers=[("authorization", "Bearer good"), ("authorization", "Bearer good")],
        )
        assert response.status_code == 401


class TestMethods:
    async def test_get_runs_a_query(self, client: httpx.AsyncClient) -> None:
        response = await client.get(
            "/graphql",
            params={
                "query": "query A($text: String!) { echo(text: $text) } query B { hello }",
                "variables": json.dumps({"text": "é&="}),
                "operationName": "A",
                "unknown": "1",
            },
        )
        assert response.json() == {"data": {"echo": "é&="}}
        assert response.headers["cache-control"] == "no-store"

    async def test_get_treats_empty_parameters_as_absent(self, client: httpx.AsyncClient) -> None:
        params = {"query": "{ hello }", "variables": "", "operationName": "", "extensions": ""}
        assert (await client.get("/graphql", params=params)).status_code == 200

    @pytest.mark.parametrize(
        "query_string",
        [
            "",
            "query=",
            "query={hello}&query={hello}",
            "query=%ff",
            "query=%00",
            "query={hello}&variables=NaN",
            "query={hello}&variables=[]",
            "&".join(f"{number}=" for number in range(40)),
        ],
    )
    async def test_malformed_get_is_400(self, client: httpx.AsyncClient, query_string: str) -> None:
        response = await client.get(f"/graphql?{query_string}")
        assert response.status_code == 400
        assert only_error(response)["extensions"]["code"] == "BAD_REQUEST"

    @pytest.mark.parametrize("accept", [JSON, GRAPHQL])
    async def test_get_never_writes(
        self, client: httpx.AsyncClient, server: Server, accept: str
    ) -> None:
        response = await client.get(
            "/graphql", params={"query": "mutation { add }"}, headers={"accept": accept}
        )
        assert response.status_code == 405
        assert response.headers["allow"] == "GET, POST, OPTIONS"
        assert server.witness.counts["added"] == 0

    async def test_post_writes(self, client: httpx.AsyncClient) -> None:
        response = await post(client, query="mutation { add }")
        assert response.json() == {"data": {"add": 1}}

    async def test_get_over_the_limit_is_414(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/graphql", params={"query": "{ hello }" + " " * 10_000})
        assert response.status_code == 414

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD"])
    async def test_other_methods_are_405(self, client: httpx.AsyncClient, method: str) -> None:
        response = await client.request(method, "/graphql")
        assert response.status_code == 405
        assert response.headers["allow"] == "GET, POST, OPTIONS"

    @pytest.mark.parametrize("cors_origins", [(), ("https://app.example",)])
    async def test_head_response_has_no_body(self, cors_origins: tuple[str, ...]) -> None:
        """A body would be taken for the beginning of the next response."""
        head = b"HEAD /graphql HTTP/1.1\r\nhost: a\r\n\r\n"
        get = b"GET /graphql?query={hello} HTTP/1.1\r\nhost: a\r\n\r\n"
        async with serving(cors_origins=cors_origins) as server:
            told = await answers(server, head + get, b'"hello":"world"')
        assert told.startswith(b"HTTP/1.1 405 ")
        assert b"\r\n\r\nHTTP/1.1 200 " in told

    async def test_options_lists_the_methods(self, client: httpx.AsyncClient) -> None:
        response = await client.options("/graphql")
        assert (response.status_code, response.content) == (204, b"")
        assert "content-length" not in response.headers
        assert response.headers["allow"] == "GET, POST, OPTIONS"


class TestCancellation:
    async def test_operation_is_stopped_at_its_deadline(self) -> None:
        async with (
            serving(http={"operation_timeout_ms": 20}) as server,
            httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client,
        ):
            response = await client.post(server.url, json={"query": "{ hello slow }"})
            answer = response.json()
            assert answer["data"] == {"hello": "world", "slow": None}
            assert answer["errors"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"

    async def test_operation_is_stopped_when_its_client_disconnects(self, server: Server) -> None:
        _, writer = await asyncio.open_connection(*server.address.split(":"))
        writer.write(b"GET /graphql?query={slow} HTTP/1.1\r\nhost: a\r\n\r\n")
        await soon(server.witness.begun.wait())
        assert not server.witness.ended.is_set()
        writer.close()
        await server.ended()
