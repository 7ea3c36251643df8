"""Connections on which nothing is asked: closed after a while, and not before."""

import asyncio

import pytest

from tests.sockets import address_of, listening
from tests.weft.transport.test_known_heads import Hesitant

KNOWN, HELD = b"GET /known HTTP/1.1\r\n\r\n", b"GET /held HTTP/1.1\r\n\r\n"


class Client:
    """A connection to a server that closes idle ones after `keep_alive_seconds`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, request: bytes) -> bytes:
        self.writer.write(request)
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)

    async def closed_after_seconds(self) -> float:
        """How long it takes until the server closes."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await asyncio.wait_for(self.reader.read(), 5) == b""
        self.writer.close()
        return loop.time() - began


class TestIdleConnection:
    @pytest.mark.parametrize("requests", [1, 2, 5])
    async def test_is_closed_in_time_after_the_last_answer(self, requests: int) -> None:
        async with listening(Hesitant(), keep_alive_seconds=0.2) as server:
            client = Client(*await asyncio.open_connection(*address_of(server).split(":")))
            for number in range(requests):
                # Longer than a timer of the first request would leave it.
                await asyncio.sleep(0.09 * bool(number))
                await client.ask(KNOWN)
            assert await client.closed_after_seconds() >= 0.19

    async def test_is_not_one_that_waits_for_its_answer(self) -> None:
        application = Hesitant()
        async with listening(application, keep_alive_seconds=0.05) as server:
            client = Client(*await asyncio.open_connection(*address_of(server).split(":")))
            await client.ask(KNOWN)
            asking = asyncio.create_task(client.ask(HELD))
            await application.holds.wait()
            await asyncio.sleep(0.1)
            assert not asking.done()
            application.let.set()
            assert b"x-path: /held" in await asking
            assert await client.closed_after_seconds() >= 0.04
