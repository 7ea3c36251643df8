"""WebSocket frames: their limits, and that one client's frames do not delay other clients."""

import asyncio
import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import pytest
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from tests.sockets import address_of, listening
from tests.waiting import PATIENCE_SECONDS, soon, until
from tests.weft.server.line import Line, line
from tests.weft.server.test_upgrades import WEBSOCKET, request
from weft.server import reader_watch
from weft.server.message_reader import text_header
from weft.server.shared import ConnectionLimits, Shared

FRAGMENTS = ConnectionLimits().socket_fragments
TEXT, CONTINUATION, PING, PONG = 1, 0, 9, 10


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """A frame as clients send it; its mask is 0, which leaves the payload as it is."""
    header = bytearray(text_header(len(payload)))
    header[0] = (0x80 if fin else 0) | opcode
    header[1] |= 0x80
    return bytes(header) + bytes(4) + payload


class Listener:
    """An application that records the messages of a socket, and the loop iteration of each."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.turns: list[int] = []
        self.turn = 0
        self.end: Message | None = None

    async def count_turns(self) -> None:
        for self.turn in itertools.count():
            await asyncio.sleep(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            self.messages.append(message)
            self.turns.append(self.turn)
        self.end = message


@asynccontextmanager
async def opened(
    shared: Shared | None = None, early: bytes = b""
) -> AsyncGenerator[tuple[Listener, Line]]:
    """A `Listener` and an open socket to it; `early` is sent together with the handshake."""
    listener = Listener()
    async with listening(listener, shared=shared) as server, line(address_of(server)) as client:
        counting = asyncio.create_task(listener.count_turns())
        client.writer.write(request(b"GET", b"/", *WEBSOCKET) + early)
        assert (await client.answer()).startswith(b"HTTP/1.1 101 ")
        yield listener, client
        counting.cancel()


async def closing(client: Line) -> int:
    """The code of the next frame, which must be a close frame."""
    header = await soon(client.reader.readexactly(2))
    assert header[0] == 0x88
    return int.from_bytes((await soon(client.reader.readexactly(header[1])))[:2], "big")


class TestMessages:
    async def test_application_gets_one_message_in_each_loop_iteration(self) -> None:
        async with opened() as (listener, client):
            client.writer.write(frame(TEXT, b"{}") * 10_000)
            await until(lambda: len(listener.messages) == 10_000)
        assert all(before < after for before, after in itertools.pairwise(listener.turns))

    async def test_messages_before_the_handshake_is_answered_are_kept(self) -> None:
        async with opened(early=frame(TEXT, b"one") + frame(TEXT, b"two")) as (listener, client):
            client.writer.write(frame(TEXT, b"three"))
            await until(lambda: len(listener.messages) == 3)
        assert [message["text"] for message in listener.messages] == ["one", "two", "three"]

    async def test_message_may_be_fragmented(self) -> None:
        parts = frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b", fin=False) * 9
        data = parts + frame(PING, b"x") + frame(CONTINUATION, b"c")
        async with opened() as (listener, client):
            for start in range(0, len(data), 5):
                client.writer.write(data[start : start + 5])
                await client.writer.drain()
            await until(lambda: len(listener.messages) == 1)
            assert await soon(client.reader.readexactly(3)) == b"\x8a\x01x"
        assert listener.messages[0]["text"] == "a" + 9 * "b" + "c"

    async def test_too_many_fragments_close_the_socket(self) -> None:
        async with opened() as (listener, client):
            most = frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * (FRAGMENTS - 2)
            client.writer.write(most + frame(CONTINUATION))
            await until(lambda: len(listener.messages) == 1)
            client.writer.write(most + frame(CONTINUATION, b"x", fin=False) * 200_000)
            assert await closing(client) == 1009
            await until(lambda: listener.end is not None)
        assert len(listener.messages) == 1

    async def test_too_many_bytes_close_the_socket(self) -> None:
        shared = Shared(ConnectionLimits(socket_message_bytes=1_000))
        async with opened(shared) as (listener, client):
            client.writer.write(
                frame(TEXT, b"x" * 600, fin=False) + frame(CONTINUATION, b"x" * 600)
            )
            assert await closing(client) == 1009
        assert listener.messages == []

    async def test_invalid_utf_8_closes_the_socket_and_logs_nothing(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        with capture_logs() as logs:
            async with opened() as (listener, client):
                client.writer.write(frame(TEXT, b"\xff\xfe"))
                assert await closing(client) == 1007
                await until(lambda: listener.end is not None)
        assert logs == []
        assert caplog.records == []

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"\x81\x00", 1002),  # not masked
            (frame(3, b"x"), 1002),
            (frame(CONTINUATION, b"x"), 1002),
            (frame(PING, b"x" * 126), 1002),
            (frame(TEXT, b"x", fin=False) * 2, 1002),
        ],
    )
    async def test_invalid_frames_close_the_socket(self, data: bytes, code: int) -> None:
        async with opened() as (listener, client):
            client.writer.write(data + frame(TEXT, b"later"))
            assert await closing(client) == code
            await until(lambda: listener.end is not None)
        assert listener.messages == []


class TestPings:
    async def test_client_that_pings_but_reads_no_pongs_is_closed(self) -> None:
        async with opened() as (listener, client):
            async with asyncio.timeout(PATIENCE_SECONDS):
                with suppress(ConnectionError):
                    while listener.end is None:
                        client.writer.write(frame(PING, b"x" * 125) * 500)
                        await client.writer.drain()
            await until(lambda: listener.end is not None)
            assert listener.end is not None
            assert listener.end["code"] == 1013

    async def test_all_pings_are_answered(self) -> None:
        async with opened() as (_, client):
            client.writer.write(frame(PING, b"ab") * 20_000)
            pongs = await soon(client.reader.readexactly(20_000 * 4))
        assert pongs == b"\x8a\x02ab" * 20_000

    async def test_unsolicited_pongs_are_no_messages(self) -> None:
        async with opened() as (listener, client):
            client.writer.write(frame(PONG, b"ab") + frame(TEXT, b"one"))
            await until(lambda: len(listener.messages) == 1)
        assert listener.messages[0]["text"] == "one"


class TestUnreadResponse:
    async def test_unread_response_before_a_handshake_drops_the_connection(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reader_watch, "STALL_SECONDS", 0.05)

        async def large(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.accept"})
                return
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x" * 20_000_000})

        async with (
            listening(large) as server,
            line(address_of(server), receive_bytes=4_096) as client,
        ):
            get = request(b"GET", b"/large")
            client.writer.write(get + request(b"GET", b"/", *WEBSOCKET))
            await until(lambda: bool(server.server_state.connections))
            await until(lambda: not server.server_state.connections)
