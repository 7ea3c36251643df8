"""What is the same for the GraphQL endpoint and for everything behind it."""

import asyncio

import httpx
import pytest

from tests.waiting import PATIENCE_SECONDS, soon
from tests.weft.transport.toy import Server, serving

PATHS = pytest.mark.parametrize("path", ["/graphql?query={hello}", "/other"])


class TestRequestId:
    @PATHS
    async def test_is_taken_from_the_client(self, client: httpx.AsyncClient, path: str) -> None:
        response = await client.get(path, headers={"x-request-id": "proxy-17.A_b"})
        assert response.headers["x-request-id"] == "proxy-17.A_b"

    @PATHS
    @pytest.mark.parametrize("given", ["", "a b", "é".encode(), "a" * 129, 'a"b'])
    async def test_is_made_when_the_client_has_no_good_one(
        self, client: httpx.AsyncClient, path: str, given: str
    ) -> None:
        first = await client.get(path, headers={"x-request-id": given})
        second = await client.get(path)
        ids = {response.headers["x-request-id"] for response in (first, second)}
        assert len(ids) == 2
        assert all(len(request_id) > 8 for request_id in ids)

    async def test_reaches_operations_and_routes(
        self, client: httpx.AsyncClient, server: Server
    ) -> None:
        await client.get("/graphql?query={hello}", headers={"x-request-id": "a"})
        response = await client.get("/other", headers={"x-request-id": "b"})
        assert server.witness.request_ids == ["a"]
        assert response.json() == {"request_id": "b"}

    async def test_is_not_left_to_a_pipelined_request(self, server: Server) -> None:
        reader, writer = await asyncio.open_connection(*server.address.split(":"))
        request = b"GET /graphql?query={hello} HTTP/1.1\r\nhost: a\r\n"
        writer.write(
            request + b"x-request-id: first\r\n\r\n" + request + b"connection: close\r\n\r\n"
        )
        await soon(reader.read())
        writer.close()
        first, second = server.witness.request_ids
        assert first == "first"
        assert second != "first"
        assert server.witness.logged == [{"request_id": first}, {"request_id": second}]


class TestTiming:
    @PATHS
    async def test_is_a_header(self, client: httpx.AsyncClient, path: str) -> None:
        response = await client.get(path)
        name, _, milliseconds = response.headers["server-timing"].partition(";dur=")
        assert name == "total"
        assert float(milliseconds) > 0


class TestCors:
    @PATHS
    async def test_lets_a_configured_origin_read(
        self, client: httpx.AsyncClient, path: str
    ) -> None:
        response = await client.get(path, headers={"origin": "https://app.example"})
        assert response.headers["access-control-allow-origin"] == "https://app.example"
        assert "X-Request-ID" in response.headers["access-control-expose-headers"]
        assert "origin" in response.headers["vary"].lower()
        assert "access-control-allow-credentials" not in response.headers

    @PATHS
    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://app.example.evil"])
    async def test_lets_no_other_read(
        self, client: httpx.AsyncClient, path: str, origin: str
    ) -> None:
        response = await client.get(path, headers={"origin": origin})
        assert "access-control-allow-origin" not in response.headers

    @PATHS
    async def test_tells_caches_that_the_origin_matters(
        self, client: httpx.AsyncClient, path: str
    ) -> None:
        assert "origin" in (await client.get(path)).headers["vary"].lower()

    async def test_answers_a_preflight(self, client: httpx.AsyncClient) -> None:
        response = await client.options(
            "/graphql",
            headers={
                "origin": "https://app.example",
                "access-control-request-method": "POST",
                "access-control-request-headers": "authorization,content-type",
            },
        )
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == "https://app.example"
        assert "POST" in response.headers["access-control-allow-methods"]
        assert response.headers["access-control-allow-headers"] == "authorization,content-type"
        assert "x-request-id" in response.headers

    async def test_refuses_the_preflight_of_another_origin(self, client: httpx.AsyncClient) -> None:
        response = await client.options(
            "/graphql",
            headers={
                "origin": "https://evil.example",
                "access-control-request-method": "POST",
                "access-control-request-headers": "content-type",
            },
        )
        assert response.status_code == 400
        assert "access-control-allow-origin" not in response.headers

    async def test_may_be_open_to_all(self) -> None:
        async with (
            serving(cors_origins=("*",)) as server,
            httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client,
        ):
            response = await client.get(
                f"{server.url}?query={{hello}}", headers={"origin": "https://any.example"}
            )
            assert response.headers["access-control-allow-origin"] == "*"


class TestHosts:
    @PATHS
    async def test_are_checked(self, path: str) -> None:
        hosts = ("api.example", "*.apis.example", "127.0.0.1")
        async with (
            serving(allowed_hosts=hosts) as server,
            httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client,
        ):
            url = f"http://{server.address}{path}"
            for host in ("api.example", "API.example:8000", "a.apis.example", server.address):
                assert (await client.get(url, headers={"host": host})).status_code == 200
            for host in ("evil.example", "api.example.evil", "apis.example", ""):
                assert (await client.get(url, headers={"host": host})).status_code == 400

    async def test_are_not_checked_of_probes(self) -> None:
        async with (
            serving(allowed_hosts=("api.example",)) as server,
            httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client,
        ):
            response = await client.get(f"http://{server.address}/health/live")
            assert response.status_code == 404  # there is none here, but it was looked for


class TestBodyLimit:
    async def test_holds_for_routes_too(self, client: httpx.AsyncClient) -> None:
        async def chunks():
            for _ in range(20):
                yield b" " * 1000

        headers = {"content-type": "application/json"}
        whole = await client.post("/other", content=b" " * 10_001, headers=headers)
        chunked = await client.post("/other", content=chunks(), headers=headers)
        fitting = await client.post("/other", content=b'{"a":1}'.ljust(10_000), headers=headers)
        assert (whole.status_code, chunked.status_code) == (413, 413)
        assert fitting.json() == 1
