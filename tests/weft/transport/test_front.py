"""`Front` treats the GraphQL endpoint and everything behind it alike."""

import asyncio

import httpx
import pytest

from tests.waiting import PATIENCE_SECONDS, soon
from tests.weft.transport.toy import Server, serving

PATHS = pytest.mark.parametrize("path", ["/graphql?query={hello}", "/other"])


class TestRequestId:
    @PATHS
    async def test_request_id_is_taken_from_the_client(
        self, client: httpx.AsyncClient, path: str
    ) -> None:
        response = await client.get(path, headers={"x-request-id": "proxy-17.A_b"})
        assert response.headers["x-request-id"] == "proxy-17.A_b"

    @PATHS
    @pytest.mark.parametrize("given", ["", "a b", "é".encode(), "a" * 129, 'a"b'])
    async def test_request_id_is_generated_if_the_client_sends_no_valid_one(
        self, client: httpx.AsyncClient, path: str, given: str
    ) -> None:
        first = await client.get(path, headers={"x-request-id": given})
        second = await client.get(path)
        ids = {response.headers["x-request-id"] for response in (first, second)}
        assert len(ids) == 2
        assert all(len(request_id) > 8 for request_id in ids)

    async def test_request_id_reaches_operations_and_routes(
        self, client: httpx.AsyncClient, server: Server
    ) -> None:
        await client.get("/graphql?query={hello}", headers={"x-request-id": "a"})
        response = await client.get("/other", headers={"x-request-id": "b"})
        assert server.witness.request_ids == ["a"]
        assert response.json() == {"request_id": "b"}

    async def test_pipelined_request_gets_its_own_request_id(self, server: Server) -> None:
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
    async def test_timing_is_a_response_header(self, client: httpx.AsyncClient, path: str) -> None:
        response = await client.get(path)
        name, _, milliseconds = response.headers["server-timing"].partition(";dur=")
        assert name == "total"
        assert float(milliseconds) > 0


class TestCors:
    @PATHS
    async def test_configured_origin_may_read(self, client: httpx.AsyncClient, path: str) -> None:
        response = await client.get(path, headers={"origin": "https://app.example"})
        assert response.headers["access-control-allow-origin"] == "https://app.example"
        assert "X-Request-ID" in response.headers["access-control-expose-headers"]
        assert "origin" in response.headers["vary"].lower()
        assert "access-control-allow-credentials" not in response.headers

    @PATHS
    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://app.example.evil"])
    async def test_other_origins_may_not_read(
        self, client: httpx.AsyncClient, path: str, origin: str
    ) -> None:
        response = await client.get(path, headers={"origin": origin})
        assert "access-control-allow-origin" not in response.headers

    @PATHS
    async def test_response_varies_on_origin(self, client: httpx.AsyncClient, path: str) -> None:
        assert "origin" in (await client.get(path)).headers["vary"].lower()

    async def test_preflight_of_a_configured_origin_is_answered(
        self, client: httpx.AsyncClient
    ) -> None:
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

    async def test_preflight_of_another_origin_is_refused(self, client: httpx.AsyncClient) -> None:
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

    async def test_wildcard_allows_any_origin(self) -> None:
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
    async def test_host_header_is_checked(self, path: str) -> None:
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

    async def test_health_probes_may_use_any_host(self) -> None:
        async with (
            serving(allowed_hosts=("api.example",)) as server,
            httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client,
        ):
            response = await client.get(f"http://{server.address}/health/live")
            assert response.status_code == 404  # not 400: it was routed, and there is none here


class TestBodyLimit:
    async def test_body_limit_holds_for_routes_too(self, client: httpx.AsyncClient) -> None:
        async def chunks():
            for _ in range(20):
                yield b" " * 1000

        headers = {"content-type": "application/json"}
        whole = await client.post("/other", content=b" " * 10_001, headers=headers)
        chunked = await client.post("/other", content=chunks(), headers=headers)
        fitting = await client.post("/other", content=b'{"a":1}'.ljust(10_000), headers=headers)
        assert (whole.status_code, chunked.status_code) == (413, 413)
        assert fitting.json() == 1
