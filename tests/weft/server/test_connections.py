"""Connections are limited in number, and those that stall are dropped."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress

import pytest

from tests.sockets import connecting
from tests.waiting import PATIENCE_SECONDS, until
from tests.weft.server.line import line
from tests.weft.server.manual_clock import ManualClock
from tests.weft.transport.toy import Server, serving
from weft.server import reader_watch
from weft.server.connection_limit import FULL, TOO_MANY, ConnectionLimit, limit_of
from weft.server.reader_watch import LINGER_SECONDS, STALL_SECONDS
from weft.server.shared import Shared
from weft.server.timers import REFUSED_SECONDS

GET = b"GET /graphql?query={hello} HTTP/1.1\r\nhost: a\r\n\r\n"
POST = b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
ECHO = b'{"query":"{ echo(text: \\"%b\\") }"}' % (b"x" * 9_000)
LARGE = POST + b"content-length: %d\r\n\r\n%b" % (len(ECHO), ECHO)
ANSWERS = 100
"""So many responses exceed all buffers on the way, where those of the system are small."""
HERE, THERE = "203.0.113.7", "203.0.113.8"


async def flood(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Sends this repeatedly; returns when the server drops the connection."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        with suppress(ConnectionResetError, BrokenPipeError):
            while True:
                writer.write(data)
                await writer.drain()


class TestConnectionLimit:
    def test_connections_are_limited_in_all(self) -> None:
        places = ConnectionLimit(2, 10)
        assert [places.take(HERE), places.take("127.0.0.1"), places.take(THERE)] == [
            None, None, FULL,
        ]  # fmt: skip
        places.leave(THERE)
        places.leave("127.0.0.1")
        assert places.take(None) is None

    def test_connections_are_limited_for_each_address(self) -> None:
        places = ConnectionLimit(100, 2)
        assert [places.take(HERE) for _ in range(3)] == [None, None, TOO_MANY]
        assert places.take(THERE) is None
        for _ in range(2):
            places.leave(HERE)
        assert places.take(HERE) is None

    @pytest.mark.parametrize(
        "address", ["127.0.0.1", "::1", "10.1.2.3", "::ffff:10.1.2.3", None, "not an address"]
    )
    def test_proxies_and_this_machine_have_no_limit_of_their_own(self, address: str | None) -> None:
        places = ConnectionLimit(100, 1, ["10.0.0.0/8", "2001:db8::/32"])
        assert [places.take(address) for _ in range(3)] == [None] * 3
        for _ in range(3):
            places.leave(address)

    def test_addresses_of_one_subscriber_are_counted_together(self) -> None:
        places = ConnectionLimit(100, 2)
        here = ["2001:db8:1:2::1", "2001:db8:1:2:ffff::1", "2001:0DB8:1:2::3"]
        assert [places.take(address) for address in here] == [None, None, TOO_MANY]
        assert places.take("2001:db8:1:3::1") is None
        mapped = [HERE, f"::ffff:{HERE}", "::ffff:cb00:7107"]
        assert [places.take(address) for address in mapped] == [None, None, TOO_MANY]
        for address in here + mapped:
            places.leave(address)
        assert [places.take(address) for address in here] == [None, None, TOO_MANY]

    def test_limit_leaves_room_for_other_files(self) -> None:
        assert limit_of(20_000, 65_536) == 20_000
        assert limit_of(20_000, 1_024) == 768


@pytest.fixture
async def small() -> AsyncIterator[Server]:
    """A server that accepts three connections, two of them from one address."""
    async with serving(shared=Shared(connection_limit=ConnectionLimit(3, 2))) as server:
        yield server


class TestFull:
    async def test_extra_connection_is_refused_until_another_closes(
        self, small: Server, clock: ManualClock
    ) -> None:
        async with (
            line(small.address) as first,
            line(small.address) as second,
            connecting(small.socket_url),
        ):
            assert (await first.says(GET)).startswith(b"HTTP/1.1 200 ")
            async with line(small.address) as extra:
                answer = await extra.says(GET)
                assert answer.startswith(b"HTTP/1.1 503 ")
                assert b"\r\nretry-after: 1\r\n" in answer
                assert await extra.says(b"") == b""
            assert (await second.says(GET)).startswith(b"HTTP/1.1 200 ")

        async def takes_another() -> bool:
            async with line(small.address) as next_one:
                return (await next_one.says(GET)).startswith(b"HTTP/1.1 200 ")

        await until(takes_another)  # the server notices closed connections with a delay

    async def test_silent_extra_connection_is_closed(
        self, small: Server, clock: ManualClock
    ) -> None:
        async with AsyncExitStack() as stack:
            *_, extra = [await stack.enter_async_context(line(small.address)) for _ in range(4)]
            await until(lambda: len(clock.connections) == 4)
            clock.advance(REFUSED_SECONDS)
            assert await extra.says(b"") == b""


class TestReader:
    async def test_client_that_reads_nothing_is_dropped(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reader_watch, "STALL_SECONDS", 0.05)
        # The client's system reads no more than this, so all buffers on the way become full.
        async with line(server.address, receive_bytes=4_096) as deaf:
            await flood(deaf.writer, LARGE)
        await until(lambda: not server.uvicorn.server_state.connections)

    async def test_client_that_catches_up_is_not_dropped(
        self, server: Server, clock: ManualClock
    ) -> None:
        async with line(server.address, receive_bytes=65_536) as lazy:
            assert (await lazy.says(GET)).startswith(b"HTTP/1.1 200 ")
            connection = clock.connections[0]
            own: socket.socket = connection.transport.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
            for _ in range(2):
                lazy.writer.write(LARGE * ANSWERS)
                await until(lambda: connection.watch.is_watching)
                answers = [await lazy.answer() for _ in range(ANSWERS)]
                assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)
                clock.advance(STALL_SECONDS)
                assert not connection.transport.is_closing()
            assert (await lazy.says(GET)).startswith(b"HTTP/1.1 200 ")


class TestBody:
    async def test_refused_body_is_read_only_for_a_while(
        self, server: Server, clock: ManualClock
    ) -> None:
        async with line(server.address) as slow:
            head = POST + b"content-length: 1000000000\r\n\r\n"
            assert (await slow.says(head)).startswith(b"HTTP/1.1 413 ")
            clock.advance(LINGER_SECONDS)
            assert await slow.says(b"x") == b""

    async def test_refused_body_that_ends_leaves_the_connection_open(
        self, server: Server, clock: ManualClock
    ) -> None:
        async with line(server.address) as quick:
            head = POST.replace(b"application/json", b"text/plain") + b"content-length: 2\r\n\r\n"
            assert (await quick.says(head)).startswith(b"HTTP/1.1 415 ")
            assert (await quick.says(b"{}" + GET)).startswith(b"HTTP/1.1 200 ")
            clock.advance(LINGER_SECONDS)
            assert (await quick.says(GET)).startswith(b"HTTP/1.1 200 ")

    async def test_trailers_are_limited(self, server: Server) -> None:
        async with line(server.address) as endless:
            endless.writer.write(POST + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n")
            await flood(endless.writer, b"x: y\r\n" * 500)
