"""Unsupported upgrades are ignored (RFC 9110, 7.8), and no body is read as a request."""

import pytest

from tests.weft.server.echo import echoing
from tests.weft.server.line import Line, line
from tests.weft.transport.toy import Server

NEXT = b"GET /next HTTP/1.1\r\nhost: a\r\n\r\n"
H2C = (b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c", b"http2-settings: AAMAAABkAAQ")
WEBSOCKET = (
    *(b"connection: Upgrade", b"upgrade: websocket", b"sec-websocket-version: 13"),
    *(b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", b"sec-websocket-protocol: toy"),
)
UPGRADES = {
    "h2c": H2C,
    "foo": (b"connection: upgrade", b"upgrade: foo/2"),
    "several": (b"connection: close-not, UPGRADE", b"upgrade: foo, websocket"),
    "two lines": (b"connection: keep-alive", b"connection: Upgrade", b"upgrade: a", b"upgrade: b"),
    "websocket": WEBSOCKET,
}


def request(method: bytes, path: bytes, *lines: bytes) -> bytes:
    return b"\r\n".join((b"%b %b HTTP/1.1" % (method, path), b"host: a", *lines, b"", b""))


def with_length(body: bytes, *lines: bytes) -> bytes:
    return request(b"POST", b"/first", *lines, b"content-length: %d" % len(body)) + body


def chunked(body: bytes, *lines: bytes) -> bytes:
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    return request(b"POST", b"/first", *lines, b"transfer-encoding: chunked") + chunks


async def is_closed(client: Line) -> bool:
    return await client.says(b"") == b""


class TestIgnoredUpgrade:
    @pytest.mark.parametrize("upgrade", UPGRADES)
    @pytest.mark.parametrize("framed", [with_length, chunked])
    @pytest.mark.parametrize("pieces", [1, 2, 7])
    async def test_body_stays_with_its_request(
        self, upgrade: str, framed: type[bytes], pieces: int
    ) -> None:
        data = framed(NEXT * 3, *UPGRADES[upgrade]) + NEXT
        size = len(data) // pieces + 1
        async with echoing() as (echo, address), line(address) as client:
            for start in range(0, len(data), size):
                client.writer.write(data[start : start + size])
                await client.writer.drain()
            assert (await client.answer()).endswith(NEXT * 3)
            assert b"x-path: /next" in await client.answer()
        assert echo.asked == [("POST", "/first", NEXT * 3), ("GET", "/next", b"")]

    @pytest.mark.parametrize("upgrade", ["h2c", "foo"])
    async def test_head_is_passed_on_unchanged(self, upgrade: str) -> None:
        lines = (*UPGRADES[upgrade], b"x-other: yes")
        async with echoing() as (echo, address), line(address) as client:
            await client.says(request(b"GET", b"/first", *lines))
        pairs = [entry.split(b": ") for entry in (b"host: a", *lines)]
        assert echo.headers == [dict(pairs)]

    async def test_upgrade_is_ignored_each_time_on_one_connection(self) -> None:
        async with echoing() as (echo, address), line(address) as client:
            for number in range(3):
                assert b"x-path: /first" in await client.says(with_length(b"%d" % number, *H2C))
        assert [body for _, _, body in echo.asked] == [b"0", b"1", b"2"]

    async def test_upgrade_is_ignored_in_a_pipeline(self) -> None:
        data = with_length(b"one", *H2C) + chunked(NEXT, *H2C) + with_length(b"three", *H2C)
        async with echoing() as (echo, address), line(address) as client:
            client.writer.write(data)
            for body in (b"one", NEXT, b"three"):
                assert (await client.answer()).endswith(b"\r\n\r\n" + body)
        assert [body for _, _, body in echo.asked] == [b"one", NEXT, b"three"]

    async def test_upgrade_in_http_1_0_is_ignored(self) -> None:
        old = request(b"GET", b"/first", *WEBSOCKET).replace(b"HTTP/1.1", b"HTTP/1.0")
        async with echoing() as (_, address), line(address) as client:
            assert b"x-path: /first" in await client.says(old)
            assert await is_closed(client)


class TestHandshake:
    @pytest.mark.parametrize(
        "body", [(b"content-length: 5", b"hello"), (b"transfer-encoding: chunked", NEXT)]
    )
    async def test_handshake_with_a_body_is_refused_and_ends_the_connection(
        self, server: Server, body: tuple[bytes, bytes]
    ) -> None:
        async with line(server.address) as client:
            handshake = request(b"GET", b"/graphql", *WEBSOCKET, body[0])
            assert (await client.says(handshake + body[1])).startswith(b"HTTP/1.1 400 ")
            assert await is_closed(client)

    async def test_handshake_with_an_empty_body_is_accepted(self, server: Server) -> None:
        async with line(server.address) as client:
            handshake = request(b"GET", b"/graphql", *WEBSOCKET, b"content-length: 0")
            assert (await client.says(handshake)).startswith(b"HTTP/1.1 101 ")

    async def test_handshake_is_answered_after_the_request_before_it(self) -> None:
        held = request(b"GET", b"/held")
        async with echoing() as (echo, address), line(address) as client:
            client.writer.write(held + request(b"GET", b"/x", *WEBSOCKET) + b"\x81\x80abcd")
            echo.let.set()
            assert b"x-path: /held" in await client.answer()
            # Echo fails for sockets; the test is that it is called now and not earlier.
            assert (await client.answer()).startswith(b"HTTP/1.1 500 ")
            assert await is_closed(client)

    async def test_refused_handshake_ends_the_connection(self, server: Server) -> None:
        async with line(server.address) as client:
            evil = request(b"GET", b"/graphql", *WEBSOCKET, b"origin: https://evil.example")
            assert (await client.says(evil + NEXT)).startswith(b"HTTP/1.1 403 ")
            assert await is_closed(client)

    async def test_handshake_among_other_protocols_is_426(self, server: Server) -> None:
        lines = [
            one.replace(b"upgrade: websocket", b"upgrade: h2c, websocket") for one in WEBSOCKET
        ]
        async with line(server.address) as client:
            client.writer.write(request(b"GET", b"/graphql", *lines) + bytes(100_000))
            answer = await client.answer()
            assert answer.startswith(b"HTTP/1.1 426 ")
            assert b"\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n" in answer

    @pytest.mark.parametrize("left_out", [b"sec-websocket-key", b"sec-websocket-version"])
    async def test_invalid_handshake_is_400(self, server: Server, left_out: bytes) -> None:
        lines = [one for one in WEBSOCKET if not one.startswith(left_out)]
        async with line(server.address) as client:
            answer = await client.says(request(b"GET", b"/graphql", *lines))
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert b"This is no WebSocket handshake" in answer
            assert await is_closed(client)
