"""GraphQL over HTTP: media types, status codes, and everything that is refused."""

import asyncio
import base64
import hashlib
import json
import re
from typing import Any

import httpx
import pytest

from tests.weft.transport.toy import Server, serving

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"


async def post(client: httpx.AsyncClient, accept: str = GRAPHQL, **body: Any) -> httpx.Response:
    return await client.post("/graphql", json=body, headers={"accept": accept})


async def post_raw(
    client: httpx.AsyncClient, body: bytes, content_type: str = JSON, **headers: str
) -> httpx.Response:
    return await client.post(
        "/graphql", content=body, headers={"content-type": content_type, **headers}
    )


def only_error(response: httpx.Response) -> dict[str, Any]:
    answer = response.json()
    assert "data" not in answer
    (error,) = answer["errors"]
    return error


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
    async def test_says_400_of_what_cannot_be_executed(
        self, client: httpx.AsyncClient, query: str, status: int
    ) -> None:
        response = await post(client, query=query)
        assert response.status_code == status
        assert ("data" in response.json()) == (status == 200)
        legacy = await post(client, JSON, query=query)
        assert legacy.status_code == 200
        assert ("data" in legacy.json()) == (status == 200)

    async def test_says_200_of_a_failed_field(self, client: httpx.AsyncClient) -> None:
        response = await post(client, query="{ broken }")
        assert response.status_code == 200
        answer = response.json()
        assert answer["data"] is None
        assert answer["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert "secret" not in response.text

    async def test_puts_errors_first(self, client: httpx.AsyncClient) -> None:
        response = await post(client, query="{ hello broken }")
        assert list(response.json()) == ["errors", "data"]

    async def test_masks_an_answer_that_cannot_be_written(self, client: httpx.AsyncClient) -> None:
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
    async def test_says_what_is_wrong_with_them(
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

    async def test_reach_the_operation(self, client: httpx.AsyncClient) -> None:
        response = await client.post(
            "/graphql",
            json={"query": "{ viewer }"},
            headers={"authorization": "Bearer good"},
        )
        assert response.json() == {"data": {"viewer": "ada"}}

    async def test_given_twice_are_refused(self, client: httpx.AsyncClient) -> None:
        response = await client.post(
            "/graphql",
            json={"query": "{ viewer }"},
            headers=[("authorization", "Bearer good"), ("authorization", "Bearer good")],
        )
        assert response.status_code == 401


class TestMediaTypes:
    @pytest.mark.parametrize(
        ("accept", "chosen"),
        [
            (None, JSON),
            ("*/*", JSON),
            ("application/*", JSON),
            (GRAPHQL, GRAPHQL),
            (f"{GRAPHQL}; charset=utf-8, {JSON}; charset=utf-8", GRAPHQL),
            (f"{JSON}, {GRAPHQL}", GRAPHQL),
            (f"{GRAPHQL};q=0.5, {JSON}", JSON),
            (f"{JSON};q=0.1, {GRAPHQL};q=0.2", GRAPHQL),
            (f"{JSON};q=0, */*", GRAPHQL),
            ("text/html, */*;q=0.1", JSON),
            ("APPLICATION/JSON", JSON),
        ],
    )
    async def test_are_negotiated(
        self, client: httpx.AsyncClient, accept: str | None, chosen: str
    ) -> None:
        headers = {} if accept is None else {"accept": accept}
        response = await client.post("/graphql", json={"query": "{ hello }"}, headers=headers)
        assert response.headers["content-type"] == f"{chosen}; charset=utf-8"
        assert response.json() == {"data": {"hello": "world"}}

    @pytest.mark.parametrize(
        "accept", ["text/plain", f"{JSON};q=0", f"{JSON}; charset=utf-16", "text/html", "a" * 3000]
    )
    async def test_not_to_be_had_are_406(self, client: httpx.AsyncClient, accept: str) -> None:
        response = await post(client, accept, query="{ hello }")
        assert response.status_code == 406
        assert only_error(response)["extensions"]["code"] == "BAD_REQUEST"

    @pytest.mark.parametrize(
        "content_type",
        [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "application/graphql",
            f"{JSON}; charset=latin-1",
        ],
    )
    async def test_of_bodies_other_than_json_are_415(
        self, client: httpx.AsyncClient, content_type: str
    ) -> None:
        response = await post_raw(client, b'{"query":"{ hello }"}', content_type)
        assert response.status_code == 415

    @pytest.mark.parametrize("content_type", [f"{JSON};charset=UTF-8", f'{JSON}; charset="utf-8"'])
    async def test_of_json_may_name_utf_8(
        self, client: httpx.AsyncClient, content_type: str
    ) -> None:
        assert (await post_raw(client, b'{"query":"{ hello }"}', content_type)).status_code == 200

    async def test_of_compressed_bodies_are_415(self, client: httpx.AsyncClient) -> None:
        headers = {"content-encoding": "gzip"}
        assert (await post_raw(client, b"\x1f\x8b", **headers)).status_code == 415


class TestBody:
    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"", "empty"),
            (b"NONSENSE", "cannot be read"),
            (b'{"query":', "cannot be read"),
            (b'{"query":"{ hello }"} ?', "cannot be read"),
            (b'\xef\xbb\xbf{"query":"{ hello }"}', "cannot be read"),
            (b'{"query":"\xff"}', "UTF-8"),
            (b'{"query":"\x00"}', "cannot be read"),
            (rb'{"query":"\u0000"}', "U+0000"),
            (rb'{"query":"{ hello }","variables":{"a":["\u0000"]}}', "U+0000"),
            (rb'{"query":"{ hello }","variables":{"\u0000":1}}', "U+0000"),
            (rb'{"query":"\ud800 and more"}', "cannot be read"),
            (rb'{"query":"\udc00 and more"}', "cannot be read"),
            (b'{"query":"{ hello }","variables":{"a":NaN}}', "cannot be read"),
            (b'{"query":"{ hello }","variables":{"a":1e999}}', "out of range"),
            (b'{"query":"{ hello }","variables":{"a":%b}}' % (b"9" * 5000), "out of range"),
            (b'{"query":"{ hello }","variables":{"a":%b' % (b'{"a":' * 1900), "nested"),
            (b'{"query":"{ hello }","query":"{ hello }"}', "given twice"),
            (b'{"query":"{ hello }","variables":{"a":1, "a" : 2}}', "given twice"),
            (rb'{"query":"{ hello }","qu\u0065ry":"{ hello }"}', "given twice"),
            (b'[{"query":"{ hello }"}]', "Batches"),
            (b'"{ hello }"', "Expected `object`"),
            (b"null", "Expected `object`"),
            (b'{"qeury":"{ hello }"}', "missing required field `query`"),
            (b'{"query":null}', "Expected `str`"),
            (b'{"query":["{ hello }"]}', "Expected `str`"),
            (b'{"query":"{ hello }","variables":[7]}', "variables"),
            (b'{"query":"{ hello }","variables":"{}"}', "variables"),
            (b'{"query":"{ hello }","operationName":7}', "operationName"),
            (b'{"query":"{ hello }","extensions":7}', "extensions"),
        ],
    )
    async def test_that_is_no_request_is_400(
        self, client: httpx.AsyncClient, body: bytes, reason: str
    ) -> None:
        for accept in (JSON, GRAPHQL):
            response = await post_raw(client, body, accept=accept)
            assert response.status_code == 400
            error = only_error(response)
            assert reason in error["message"]
            assert error["extensions"] == {"code": "BAD_REQUEST"}

    @pytest.mark.parametrize(
        "body",
        [
            b'{"query":"{ hello }","variables":null,"operationName":null,"extensions":null}',
            b'{"query":"{ hello }","variables":{},"extensions":{"a":1},"more":[1]}',
            rb'{"query":"{ hello } # \"a\": \"a\": \\u0000","variables":{"a":{"a":1},"b":{"a":1}}}',
        ],
    )
    async def test_may_say_more_than_it_must(self, client: httpx.AsyncClient, body: bytes) -> None:
        assert (await post_raw(client, body)).json() == {"data": {"hello": "world"}}

    async def test_keeps_every_character(self, client: httpx.AsyncClient) -> None:
        text = 'é 漢 😀 \\ " \n \x01'
        query = "query ($text: String!) { echo(text: $text) }"
        response = await post(client, query=query, variables={"text": text})
        assert response.json() == {"data": {"echo": text}}

    async def test_too_long_is_413(self, client: httpx.AsyncClient) -> None:
        async def chunks():
            for _ in range(20):
                yield b" " * 1000

        whole = await post_raw(client, b" " * 10_001)
        chunked = await client.post(
            "/graphql", content=chunks(), headers={"content-type": "application/json"}
        )
        assert (whole.status_code, chunked.status_code) == (413, 413)
        assert (await post(client, query="{ hello }")).status_code == 200

    async def test_as_long_as_allowed_is_read(self, client: httpx.AsyncClient) -> None:
        body = b'{"query":"{ hello }"}'.ljust(10_000)
        assert (await post_raw(client, body)).status_code == 200

    async def test_that_does_not_arrive_is_408(self) -> None:
        async with serving(http={"body_timeout_seconds": 0.02}) as server:
            reader, writer = await asyncio.open_connection(*server.address.split(":"))
            writer.write(
                b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                b"content-length: 100\r\n\r\n{"
            )
            status_line = await asyncio.wait_for(reader.readline(), 5)
            assert status_line.startswith(b"HTTP/1.1 408")
            writer.close()


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

    async def test_get_takes_empty_parameters_for_absent(self, client: httpx.AsyncClient) -> None:
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
    async def test_get_of_no_request_is_400(
        self, client: httpx.AsyncClient, query_string: str
    ) -> None:
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

    async def test_get_too_long_is_414(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/graphql", params={"query": "{ hello }" + " " * 10_000})
        assert response.status_code == 414

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD"])
    async def test_others_are_405(self, client: httpx.AsyncClient, method: str) -> None:
        response = await client.request(method, "/graphql")
        assert response.status_code == 405
        assert response.headers["allow"] == "GET, POST, OPTIONS"

    async def test_options_names_them(self, client: httpx.AsyncClient) -> None:
        response = await client.options("/graphql")
        assert (response.status_code, response.content) == (204, b"")
        assert response.headers["allow"] == "GET, POST, OPTIONS"


class TestTime:
    async def test_runs_out(self) -> None:
        async with (
            serving(http={"operation_timeout_ms": 20}) as server,
            httpx.AsyncClient() as client,
        ):
            response = await client.post(server.url, json={"query": "{ hello slow }"})
            answer = response.json()
            assert answer["data"] == {"hello": "world", "slow": None}
            assert answer["errors"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"

    async def test_is_not_spent_on_a_client_that_is_gone(self, server: Server) -> None:
        _, writer = await asyncio.open_connection(*server.address.split(":"))
        writer.write(b"GET /graphql?query={slow} HTTP/1.1\r\nhost: a\r\n\r\n")
        await asyncio.wait_for(server.witness.begun.wait(), 5)
        assert not server.witness.ended.is_set()
        writer.close()
        await asyncio.wait_for(server.witness.ended.wait(), 5)


class TestExplorer:
    ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

    async def test_is_shown_to_browsers(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/graphql", headers={"accept": self.ACCEPT})
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert response.text.startswith("<!doctype html>")

    async def test_needs_nothing_of_other_servers(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/graphql", headers={"accept": self.ACCEPT})
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        for tag in ("style", "script"):
            (source,) = re.findall(f"<{tag}>(.*?)</{tag}>", response.text, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in policy
        for address in ("http://", "https://", "src=", "@import", "url("):
            assert address not in response.text

    async def test_can_be_left_out(self) -> None:
        async with serving(http={"explorer": False}) as server, httpx.AsyncClient() as client:
            response = await client.get(server.url, headers={"accept": "text/html"})
            assert response.status_code == 406
