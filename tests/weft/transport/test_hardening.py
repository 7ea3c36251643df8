"""Responses do not identify the server, and limit what browsers may do with them."""

import asyncio

import httpx
import pytest

from tests.waiting import soon
from tests.weft.transport.toy import Server

POLICY = "default-src 'none'; frame-ancestors 'none'"


class TestHeaders:
    @pytest.mark.parametrize("path", ["/graphql?query={hello}", "/graphql", "/other", "/nowhere"])
    async def test_responses_cannot_be_taken_for_pages(
        self, client: httpx.AsyncClient, path: str
    ) -> None:
        response = await client.get(path)
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["content-security-policy"] == POLICY


HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"sec-websocket-protocol: %b\r\n%b\r\n"
)


class TestBanner:
    @pytest.mark.parametrize(
        "request_bytes",
        [
            b"GET /graphql?query={hello} HTTP/1.1\r\nhost: a\r\n\r\n",
            b"GET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n",
            b"nonsense\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            HANDSHAKE % (b"graphql-transport-ws", b""),
            HANDSHAKE % (b"graphql-ws", b""),
            HANDSHAKE % (b"graphql-transport-ws", b"origin: https://evil.example\r\n"),
            HANDSHAKE.replace(b"version: 13", b"version: 12") % (b"graphql-transport-ws", b""),
        ],
    )
    async def test_responses_do_not_name_the_software(
        self, server: Server, request_bytes: bytes
    ) -> None:
        reader, writer = await asyncio.open_connection(*server.address.split(":"))
        writer.write(request_bytes)
        head = (await soon(reader.read(65_536))).lower()
        writer.close()
        assert head.startswith(b"http/1.1 ")
        for word in (b"server:", b"x-powered-by", b"python", b"uvicorn", b"websockets/", b"weft"):
            assert word not in head, head
