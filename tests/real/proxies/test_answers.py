"""Every response ends where its reader expects: the next response belongs to the next request."""

import pytest

from tests.real.proxies.hostile import JAVA
from tests.real.proxies.site import VIEWER, Site, assert_is_of, viewer
from tests.real.proxies.wire import JSON, chunked, connected, operation, request

HTML = {"Accept": "text/html"}
ODD: dict[str, bytes] = {
    "HEAD": request(method="HEAD"),
    "HEAD of a query": request(method="HEAD", target="/graphql?query={__typename}"),
    "HEAD of a page": request(method="HEAD", headers=HTML),
    "HEAD of health": request(method="HEAD", target="/health/live"),
    "HEAD of nothing": request(method="HEAD", target="/nowhere"),
    "HEAD, upgraded": request(method="HEAD", headers=JAVA),
    "HEAD as a stream": request(
        method="HEAD",
        target="/graphql?query={__typename}",
        headers={"Accept": "text/event-stream"},
    ),
    "OPTIONS": request(method="OPTIONS"),
    "OPTIONS of all": request(method="OPTIONS", target="*"),
    "OPTIONS, upgraded": request(method="OPTIONS", headers=JAVA),
    "preflight": request(
        method="OPTIONS",
        headers={"Origin": "https://a.example.com", "Access-Control-Request-Method": "POST"},
    ),
    "DELETE": request(method="DELETE"),
    "a method of no name": request(method="FOO"),
    "a stream": request(
        operation("{ __typename }"), headers=JSON | {"Accept": "text/event-stream"}
    ),
    "GET": request(method="GET", target="/graphql?query={__typename}"),
    "GET of a page": request(method="GET", headers=HTML),
    "GET with a body": request(b"{}", method="GET", target="/graphql?query={__typename}"),
    "POST without a body": request(b""),
    "POST without a length": request(),
    "POST in chunks": request(
        chunked(b'{"query": ', b'"{ __typename }"}'),
        headers=JSON | {"Transfer-Encoding": "chunked"},
    ),
    "POST in chunks, with white space": request(
        chunked(operation("{ __typename }")), headers=JSON | {"Transfer-Encoding": "  CHUNKED  "}
    ),
    "POST with trailers": request(
        b"2\r\n{}\r\n0\r\nX-Trailer: a\r\n\r\n", headers=JSON | {"Transfer-Encoding": "chunked"}
    ),
    "an absolute target": request(
        operation("{ __typename }"), target="http://api.example.com/graphql"
    ),
    "an expectation": request(
        operation("{ __typename }"), headers=JSON | {"Expect": "100-continue"}
    ),
    "an unknown expectation": request(b"{}", headers=JSON | {"Expect": "more"}),
}


class TestAnswer:
    @pytest.mark.parametrize("name", ODD)
    async def test_next_request_is_answered_unless_the_response_closes_the_connection(
        self, site: Site, name: str
    ) -> None:
        person = site.honest[0]
        async with connected(site.address) as wire:
            wire.send(ODD[name])
            answer = await wire.response(ODD[name].split()[0].decode())
            assert 200 <= answer.status < 500
            if answer.closes:
                assert await wire.rest() == b""
            else:
                assert_is_of(await viewer(wire, person), person)
        await site.assert_serves_everybody()

    @pytest.mark.parametrize("name", ODD)
    async def test_pipelined_requests_are_answered_in_order(self, site: Site, name: str) -> None:
        ada, grace = site.honest
        asked = [request(operation(VIEWER), token=person.token) for person in (ada, grace)]
        async with connected(site.address) as wire:
            wire.send(asked[0] + ODD[name] + asked[1])
            assert_is_of(await wire.response(), ada)
            answer = await wire.response(ODD[name].split()[0].decode())
            if answer.closes:
                assert await wire.rest() == b""
            else:
                assert_is_of(await wire.response(), grace)
        await site.assert_serves_everybody()
