"""Heads of HTTP requests: neither for ever nor of any length."""

import asyncio

import pytest

from tests.weft.transport.toy import Server
from weft.transport.request_wire import RequestProtocol

WHOLE = b"GET /graphql?query={hello} HTTP/1.1\r\nhost: a\r\n\r\n"


async def told(server: Server, *parts: bytes) -> bytes:
    """All that the server says to these parts, each sent by itself, until it closes."""
    reader, writer = await asyncio.open_connection(*server.address.split(":"))
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.01)
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


class TestHead:
    @pytest.mark.parametrize("parts", [(), (b"GET /graphql HTTP/1.1\r\n",), (b"P",)])
    async def test_that_does_not_come_is_408(
        self, server: Server, monkeypatch: pytest.MonkeyPatch, parts: tuple[bytes, ...]
    ) -> None:
        monkeypatch.setattr(RequestProtocol, "head_timeout_seconds", 0.05)
        assert (await told(server, *parts)).startswith(b"HTTP/1.1 408 ")

    async def test_of_a_second_request_is_awaited_no_longer(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(RequestProtocol, "head_timeout_seconds", 0.05)
        answers = await told(server, WHOLE, WHOLE, b"GET /")
        assert answers.count(b"HTTP/1.1 200 ") == 2
        assert answers.count(b"HTTP/1.1 408 ") == 1

    async def test_of_any_length_is_431(self, server: Server) -> None:
        line = b"x-%d: " + b"a" * 1000 + b"\r\n"
        parts = [line % number for number in range(100)]
        answer = await told(server, b"GET /graphql HTTP/1.1\r\nhost: a\r\n", b"".join(parts))
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")

    async def test_in_small_parts_is_as_good(self, server: Server) -> None:
        parts = [WHOLE[start : start + 9] for start in range(0, len(WHOLE), 9)]
        parts.append(WHOLE.replace(b"host: a", b"connection: close"))
        assert (await told(server, *parts)).count(b"HTTP/1.1 200 ") == 2
