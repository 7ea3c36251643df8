"""Heads of HTTP requests are limited in time and in length."""

import asyncio
from typing import Any

import pytest

from tests.waiting import soon, until
from tests.weft.server.line import line
from tests.weft.server.manual_clock import ManualClock
from tests.weft.transport.toy import Server
from weft.server.request_reader import HEADERS
from weft.server.shared import ConnectionLimits

WHOLE = b"GET /graphql?query={hello} HTTP/1.1\r\nhost: a\r\n\r\n"


async def told(server: Server, *parts: bytes) -> bytes:
    """All bytes that the server sends in reply to these parts, sent one by one, until it closes."""
    reader, writer = await asyncio.open_connection(*server.address.split(":"))
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.001)  # the response is the same if parts arrive together
        return await soon(reader.read())
    except ConnectionError:
        return b""
    finally:
        writer.close()


class TestHead:
    @pytest.mark.parametrize(
        ("requests", "start"), [(0, b"GET /graphql HTTP/1.1\r\n"), (0, b"P"), (2, b"P")]
    )
    async def test_head_that_does_not_arrive_is_408(
        self, server: Server, clock: ManualClock, requests: int, start: bytes
    ) -> None:
        async with line(server.address) as slow:
            for _ in range(requests):
                assert (await slow.says(WHOLE)).startswith(b"HTTP/1.1 200 ")
            slow.writer.write(start)
            await until(lambda: bool(clock.connections))
            connection = clock.connections[0]
            reader: Any = connection.__dict__["_reader"]
            await until(lambda: not reader.is_between)
            clock.advance(ConnectionLimits().head_seconds - 1)
            assert not connection.transport.is_closing()
            clock.advance(1)
            assert (await slow.says(b"")).startswith(b"HTTP/1.1 408 ")

    async def test_too_long_head_is_431(self, server: Server) -> None:
        line = b"x-%d: " + b"a" * 1000 + b"\r\n"
        parts = [line % number for number in range(100)]
        answer = await told(server, b"GET /graphql HTTP/1.1\r\nhost: a\r\n", b"".join(parts))
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")

    async def test_too_many_headers_are_431(self, server: Server) -> None:
        lines = WHOLE.removesuffix(b"\r\n") + b"connection: close\r\n"
        answer = await told(server, lines + b"a:\r\n" * (HEADERS - 2) + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")
        answer = await told(server, lines + b"a:\r\n" * (HEADERS - 1) + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 431 ")

    async def test_head_in_small_parts_is_served(self, server: Server) -> None:
        parts = [WHOLE[start : start + 9] for start in range(0, len(WHOLE), 9)]
        parts.append(WHOLE.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        assert (await told(server, *parts)).count(b"HTTP/1.1 200 ") == 2
