"""Limits of sockets and streams, and what happens to clients that exceed them or do not read."""

import asyncio
from contextlib import AsyncExitStack

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.sockets import Socket, connecting
from tests.waiting import PATIENCE_SECONDS, until
from tests.weft.transport.toy import Server, serving
from weft.server.message_reader import text_header
from weft.server.shared import shutdown_delay
from weft.transport import socket_session
from weft.transport.limits import Occupancy, Rate, SocketLimits, TooMany
from weft.transport.outlet import TOO_SLOW

BIG_EVENTS = "subscription { endless(bytesEach: 100000) }"


async def connections_gone(server: Server) -> None:
    await until(lambda: not server.uvicorn.server_state.connections)


def stop_reading(socket: Socket) -> None:
    socket.connection.transport.pause_reading()


class TestOccupancy:
    def test_keys_are_counted_separately(self) -> None:
        occupancy = Occupancy(1)
        with (
            occupancy.place("a"),
            occupancy.place("b"),
            pytest.raises(TooMany),
            occupancy.place("a"),
        ):
            pass
        assert occupancy.take("a")


class TestRate:
    def test_burst_is_as_large_as_the_rate_of_one_second(self) -> None:
        now = 0.0
        rate = Rate(2, lambda: now)
        assert [rate.allows() for _ in range(3)] == [True, True, False]
        now = 0.5
        assert [rate.allows() for _ in range(2)] == [True, False]
        now = 100
        assert [rate.allows() for _ in range(3)] == [True, True, False]


class TestSockets:
    async def test_sockets_of_one_address_are_limited(self) -> None:
        async with serving(limits=SocketLimits(per_address=1)) as server:
            async with connecting(server.socket_url) as socket:
                await socket.open()
                with pytest.raises(InvalidStatus) as refusal:
                    async with connecting(server.socket_url):
                        pass
                assert refusal.value.response.status_code == 429
            await connections_gone(server)
            async with connecting(server.socket_url) as socket:
                await socket.open()

    async def test_sockets_of_one_viewer_are_limited(self) -> None:
        async with serving(limits=SocketLimits(per_viewer=1)) as server, AsyncExitStack() as stack:
            sockets = [
                await stack.enter_async_context(connecting(server.socket_url)) for _ in range(3)
            ]
            await sockets[0].open(Authorization="Bearer good")
            await sockets[1].send("connection_init", payload={"Authorization": "Bearer good"})
            assert await sockets[1].closed() == (1013, "You have too many sockets open")
            await sockets[2].open()

    async def test_operations_begun_too_fast_are_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            socket_session, "Rate", lambda per_second, _: Rate(per_second, lambda: 0)
        )
        async with (
            serving(limits=SocketLimits(operations_per_second=1)) as server,
            connecting(server.socket_url) as socket,
        ):
            await socket.open()
            await socket.subscribe("1", "{ hello }")
            assert [(await socket.receive())["type"] for _ in range(2)] == ["next", "complete"]
            await socket.subscribe("2", "{ hello }")
            message = await socket.receive()
            assert message["type"] == "error"
            assert message["payload"][0]["extensions"]["code"] == "TOO_MANY_REQUESTS"


class TestSlowClients:
    async def test_socket_is_closed_when_too_many_bytes_wait(self) -> None:
        limits = SocketLimits(buffer_bytes=200_000, grace_seconds=PATIENCE_SECONDS)
        async with serving(limits=limits) as server, connecting(server.socket_url) as socket:
            await socket.open()
            stop_reading(socket)
            # Pongs are queued at once, however many bytes wait already.
            for _ in range(4_000):  # 20 MB: more than the system's buffers hold
                await socket.send("ping", payload={"filler": "x" * 5_000})
            socket.connection.transport.resume_reading()
            assert await socket.closed() == (1013, TOO_SLOW)

    @pytest.mark.parametrize("direct", [True, False])
    async def test_socket_is_closed_when_its_client_reads_nothing(self, direct: bool) -> None:
        limits = SocketLimits(stall_seconds=0.2, grace_seconds=0.1, buffer_bytes=150_000)
        async with (
            serving(limits=limits, direct=direct) as server,
            connecting(server.socket_url, compression=None) as socket,
        ):
            await socket.open()
            await socket.subscribe("1", BIG_EVENTS)
            stop_reading(socket)
            if direct:
                # The connection never drains; it is dropped with all bytes that wait.
                await connections_gone(server)
            await server.ended()
            socket.connection.transport.abort()

    async def test_socket_is_dropped_when_no_pong_comes(self) -> None:
        limits = SocketLimits(
            ping_seconds=0.1, grace_seconds=0.1, init_timeout_seconds=2 * PATIENCE_SECONDS
        )
        async with serving(limits=limits) as server, connecting(server.socket_url) as socket:
            stop_reading(socket)
            await connections_gone(server)
            socket.connection.transport.abort()


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_frame_header_contains_the_length(length: int) -> None:
    header = text_header(length)
    said = header[1] if header[1] < 126 else int.from_bytes(header[2:])
    assert (header[0], said) == (0x81, length)


class TestShutdown:
    def test_shutdown_is_spread_over_more_time_for_more_sockets(self) -> None:
        assert all(shutdown_delay(1, 4) <= 0.01 for _ in range(100))
        delays = [shutdown_delay(1_000, 4) for _ in range(1_000)]
        assert max(delays) <= 4
        assert len([delay for delay in delays if delay < 2]) in range(400, 600)

    async def test_shutdown_ends_event_streams_without_complete(self) -> None:
        async with (
            serving() as server,
            httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http,
        ):
            parameters = {"query": "subscription { endless }"}
            headers = {"accept": "text/event-stream"}
            async with http.stream("GET", server.url, params=parameters, headers=headers) as stream:
                lines = stream.aiter_lines()
                while await anext(lines) != "event: next":
                    pass
                await server.uvicorn.shutdown()
                assert "event: complete" not in [line async for line in lines]
            await server.ended()


class TestEventStreams:
    async def test_streams_and_sockets_of_one_address_are_limited_together(self) -> None:
        async with (
            serving(limits=SocketLimits(per_address=1)) as server,
            connecting(server.socket_url) as socket,
            httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http,
        ):
            await socket.open()
            headers = {"accept": "text/event-stream"}
            response = await http.get(server.url, params={"query": "{ hello }"}, headers=headers)
            assert response.status_code == 429

    async def test_silent_streams_send_comments(self) -> None:
        limits = SocketLimits(keep_alive_seconds=0.05)
        async with (
            serving(limits=limits) as server,
            httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http,
        ):
            parameters = {"query": "subscription { ticks { number } }"}
            headers = {"accept": "text/event-stream"}
            async with http.stream("GET", server.url, params=parameters, headers=headers) as stream:
                lines = stream.aiter_lines()
                assert [await anext(lines) for _ in range(6)] == [":", "", ":", "", ":", ""]

    async def test_streams_that_are_not_read_are_dropped(self) -> None:
        limits = SocketLimits(stall_seconds=0.2)
        async with serving(limits=limits) as server:
            host, port = server.address.split(":")
            reader, writer = await asyncio.open_connection(host, int(port), limit=1)
            query = "subscription%20%7B%20endless(bytesEach:100000)%20%7D"
            request = f"GET /graphql?query={query} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream"
            writer.write(f"{request}\r\n\r\n".encode())
            await connections_gone(server)
            await server.ended()
            assert reader is not None
            writer.transport.abort()
