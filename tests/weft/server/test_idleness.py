"""Idle connections are closed after `keep_alive_seconds`, and not before."""

import asyncio

import pytest

from tests.sockets import address_of, listening
from tests.weft.server.line import line
from tests.weft.server.manual_clock import ManualClock
from tests.weft.server.test_known_heads import Hesitant
from weft.server.shared import ConnectionLimits, Shared

KNOWN, HELD = b"GET /known HTTP/1.1\r\nhost: a\r\n\r\n", b"GET /held HTTP/1.1\r\nhost: a\r\n\r\n"


class TestIdleConnection:
    @pytest.mark.parametrize("requests", [1, 2, 5])
    async def test_idle_connection_is_closed_in_time_after_the_last_response(
        self, clock: ManualClock, requests: int
    ) -> None:
        async with (
            listening(Hesitant(), shared=Shared(ConnectionLimits(keep_alive_seconds=5))) as server,
            line(address_of(server)) as client,
        ):
            for _ in range(requests):
                clock.advance(4)
                assert b"x-path: /known" in await client.says(KNOWN)
            clock.advance(4)
            assert not clock.connections[0].transport.is_closing()
            clock.advance(1)
            assert await client.says(b"") == b""

    async def test_connection_that_waits_for_a_response_is_not_idle(
        self, clock: ManualClock
    ) -> None:
        application = Hesitant()
        async with (
            listening(application, shared=Shared(ConnectionLimits(keep_alive_seconds=5))) as server,
            line(address_of(server)) as client,
        ):
            await client.says(KNOWN)
            asking = asyncio.create_task(client.says(HELD))
            await application.holds.wait()
            clock.advance(10)
            assert not clock.connections[0].transport.is_closing()
            application.let.set()
            assert b"x-path: /held" in await asking
            clock.advance(5)
            assert await client.says(b"") == b""
