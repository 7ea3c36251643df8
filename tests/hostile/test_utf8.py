"""Invalid UTF-8 in every part of a request gets a response and leaves no traceback."""

import json
from collections.abc import Iterator
from itertools import product

import pytest

from tests.client import Api
from tests.hostile.test_echo import Logs, logs

__all__ = ["logs"]

WRONG = (b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"caf\xe9", b"\x80")
"""Invalid bytes, overlong, half a surrogate pair, beyond Unicode, Latin-1, a continuation byte."""
HEADERS = (
    b"accept",
    b"accept-encoding",
    b"authorization",
    b"content-encoding",
    b"content-type",
    b"cookie",
    b"host",
    b"if-none-match",
    b"last-event-id",
    b"origin",
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-request-id",
    b"x-session",
)
FORMS = (b"%b", b"Bearer %b", b"a=%b; __Host-weft-access=%b", b"application/json;%b")


def bodies(wrong: bytes) -> Iterator[bytes]:
    yield wrong
    yield b'{"query":"{ %b }"}' % wrong
    yield b'{"%b":1}' % wrong
    yield b'{"query":"{ __typename }","variables":{"a":"%b"}}' % wrong
    yield b'{"query":"{ __typename }","variables":{"%b":1}}' % wrong
    yield b'{"query":"{ __typename }","operationName":"%b"}' % wrong
    yield b'{"documentId":"%b"}' % wrong


@pytest.mark.parametrize("wrong", WRONG)
class TestInvalidUtf8:
    async def test_invalid_utf8_in_a_body_is_refused(
        self, api: Api, logs: Logs, wrong: bytes
    ) -> None:
        for body in bodies(wrong):
            headers = {"content-type": "application/json"}
            response = await api.http.post("/graphql", content=body, headers=headers)
            assert response.status_code == 400
            (error,) = response.json()["errors"]
            assert error["extensions"]["code"] == "BAD_REQUEST"
        assert logs.failures == []

    async def test_invalid_utf8_in_a_query_string_is_refused(
        self, api: Api, logs: Logs, wrong: bytes
    ) -> None:
        escaped = "".join(f"%{byte:02x}" for byte in wrong)
        for name in ("query", "variables", "operationName", "extensions", "documentId", escaped):
            good = "" if name == "query" else "&query={__typename}"
            response = await api.http.get(f"/graphql?{name}={escaped}{good}")
            assert response.status_code == 400
            (error,) = response.json()["errors"]
            assert error["extensions"]["code"] == "BAD_REQUEST"
        assert logs.failures == []

    @pytest.mark.parametrize("accept", ["*/*", "text/event-stream", "text/html"])
    async def test_invalid_utf8_in_a_header_gives_no_5xx(
        self, api: Api, logs: Logs, wrong: bytes, accept: str
    ) -> None:
        body = json.dumps({"query": "{ viewer { id } }"}).encode()
        for name, form in product(HEADERS, FORMS):
            headers = {
                b"accept": accept.encode(),
                b"content-type": b"application/json",
                name: form.replace(b"%b", wrong),
            }
            posted = await api.http.post("/graphql", content=body, headers=headers)
            got = await api.http.get("/graphql?query={__typename}", headers=headers)
            for response in (posted, got):
                assert response.status_code < 500
                assert "INTERNAL_SERVER_ERROR" not in response.text
        assert logs.failures == []

    async def test_invalid_utf8_in_a_path_is_not_found(
        self, api: Api, logs: Logs, wrong: bytes
    ) -> None:
        escaped = "".join(f"%{byte:02x}" for byte in wrong)
        for path in (f"/{escaped}", f"/health/{escaped}", f"/pages/graphiql/assets/{escaped}"):
            assert (await api.http.get(path)).status_code == 404
        assert logs.failures == []
