"""GraphQL over HTTP: media types, and bodies that are read or refused."""

import asyncio

import httpx
import pytest

from tests.waiting import soon
from tests.weft.transport.requests import GRAPHQL, JSON, only_error, post, post_raw
from tests.weft.transport.toy import serving


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
            # The default of Java.
            ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", JSON),
            ("*", JSON),
            (f"*;q=0.1, {GRAPHQL};q=0.2", GRAPHQL),
            (f"{JSON};q=high", JSON),
            (f"{GRAPHQL}, " + "a" * 3000, JSON),
            ("a" * 3000, JSON),
        ],
    )
    async def test_response_type_is_negotiated(
        self, client: httpx.AsyncClient, accept: str | None, chosen: str
    ) -> None:
        headers = {} if accept is None else {"accept": accept}
        response = await client.post("/graphql", json={"query": "{ hello }"}, headers=headers)
        assert response.headers["content-type"] == f"{chosen}; charset=utf-8"
        assert response.json() == {"data": {"hello": "world"}}

    @pytest.mark.parametrize(
        "accept",
        [
            "text/plain",
            f"{JSON};q=0",
            f"{JSON}; charset=utf-16",
            "text/html",
            "application/xml",
            "*;q=0",
        ],
    )
    async def test_unavailable_response_types_are_406(
        self, client: httpx.AsyncClient, accept: str
    ) -> None:
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
    async def test_bodies_other_than_json_are_415(
        self, client: httpx.AsyncClient, content_type: str
    ) -> None:
        response = await post_raw(client, b'{"query":"{ hello }"}', content_type)
        assert response.status_code == 415

    @pytest.mark.parametrize("content_type", [f"{JSON};charset=UTF-8", f'{JSON}; charset="utf-8"'])
    async def test_json_body_may_name_utf_8(
        self, client: httpx.AsyncClient, content_type: str
    ) -> None:
        assert (await post_raw(client, b'{"query":"{ hello }"}', content_type)).status_code == 200

    async def test_compressed_bodies_are_415(self, client: httpx.AsyncClient) -> None:
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
            (rb'{"query":"\ud800 and more"}', "half of a surrogate pair"),
            (rb'{"query":"\udc00 and more"}', "half of a surrogate pair"),
            (b'{"query":"{ hello }","variables":{"a":NaN}}', "cannot be read"),
            (b'{"query":"{ hello }","variables":{"a":1e999}}', "out of range"),
            (b'{"query":"{ hello }","variables":{"a":%b}}' % (b"9" * 5000), "out of range"),
            (b'{"query":"{ hello }","variables":%b7%b}' % (b'{"a":' * 200, b"}" * 200), "nested"),
            (b'{"query":"{ hello }","variables":{"a":%b' % (b"[" * 1900), "The JSON"),
            (
                b'{"query":"{ hello }","variables":{"a":%b%b}}' % (b"[" * 1900, b"]" * 1900),
                "nested",
            ),
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
    async def test_malformed_request_is_400(
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
            b'{"query":"{ hello }","variables":%b7%b}' % (b'{"a":' * 199, b"}" * 199),
            rb'{"query":"{ hello } # \"a\": \"a\": \\u0000","variables":{"a":{"a":1},"b":{"a":1}}}',
        ],
    )
    async def test_body_may_contain_more_than_it_must(
        self, client: httpx.AsyncClient, body: bytes
    ) -> None:
        assert (await post_raw(client, body)).json() == {"data": {"hello": "world"}}

    async def test_every_character_is_kept(self, client: httpx.AsyncClient) -> None:
        text = 'é 漢 😀 \\ " \n \x01'
        query = "query ($text: String!) { echo(text: $text) }"
        response = await post(client, query=query, variables={"text": text})
        assert response.json() == {"data": {"echo": text}}

    async def test_body_over_the_limit_is_413(self, client: httpx.AsyncClient) -> None:
        async def chunks():
            for _ in range(20):
                yield b" " * 1000

        whole = await post_raw(client, b" " * 10_001)
        chunked = await client.post(
            "/graphql", content=chunks(), headers={"content-type": "application/json"}
        )
        assert (whole.status_code, chunked.status_code) == (413, 413)
        assert (await post(client, query="{ hello }")).status_code == 200

    async def test_body_as_long_as_the_limit_is_read(self, client: httpx.AsyncClient) -> None:
        body = b'{"query":"{ hello }"}'.ljust(10_000)
        assert (await post_raw(client, body)).status_code == 200

    async def test_body_that_does_not_arrive_is_408(self) -> None:
        async with serving(http={"body_timeout_seconds": 0.02}) as server:
            reader, writer = await asyncio.open_connection(*server.address.split(":"))
            writer.write(
                b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                b"content-length: 100\r\n\r\n{"
            )
            status_line = await soon(reader.readline())
            assert status_line.startswith(b"HTTP/1.1 408")
            writer.close()
