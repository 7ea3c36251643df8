"""Odd requests and frames: the server refuses what two parsers could read differently."""

import asyncio
from contextlib import suppress

import pytest

from tests.parsers.frame_streams import frame as text_frame
from tests.parsers.targets import HANDSHAKE
from tests.waiting import PATIENCE_SECONDS
from tests.weft.transport.toy import Server

HEAD = b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
ADD = b'{"query":"mutation { add }"}'
INSIDE = b"POST /graphql HTTP/1.1\r\nhost: a\r\n\r\n"
WORLD = b'"hello":"world"'
HELLO = b'{"type":"subscribe","id":"1","payload":{"query":"{ hello }"}}'


def frame(payload: bytes, first: int = 0x81) -> bytes:
    """Returns a masked frame; `first` holds FIN, the reserved bits and the opcode."""
    return bytes((first,)) + text_frame(1, payload)[1:]


INIT = frame(b'{"type":"connection_init"}')


async def answers(
    server: Server, data: bytes, until: bytes = b"", *, framed: bool = False
) -> bytes:
    """Sends the bytes; returns the response up to `until`, or up to the end of the connection.

    With `framed`, the bytes are sent on a WebSocket, after its handshake.
    """
    reader, writer = await asyncio.open_connection(*server.address.split(":"))
    if framed:
        writer.write(HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
    writer.write(data)
    if not until:
        writer.write_eof()
    told = b""
    async with asyncio.timeout(PATIENCE_SECONDS):
        with suppress(ConnectionResetError):
            while not (until and until in told) and (part := await reader.read(65_536)):
                told += part
    writer.close()
    return told


class TestRequests:
    @pytest.mark.parametrize(
        "lines",
        [
            b"content-length: 4\r\ntransfer-encoding: chunked\r\n",
            b"transfer-encoding: chunked\r\ncontent-length: 4\r\n",
            b"transfer-encoding: identity\r\n",
            b"transfer-encoding: chunked, identity\r\n",
            b"transfer-encoding: xchunked\r\n",
            b"transfer-encoding : chunked\r\n",
            b"content-length: 4\r\ncontent-length: 28\r\n",
            b"content-length: +28\r\n",
            b"content-length: -1\r\n",
            b"content-length: 0x1c\r\n",
            b"content-length: 28, 28\r\n",
            b"content-length: 99999999999999999999999\r\n",
            b"content-length\r\n",
            b"x: a\r\n b\r\ncontent-length : 28\r\n",
            b"x: a\0b\r\ncontent-length: 28\r\n",
            b"x: a\rcontent-length: 28\r\n",
        ],
    )
    async def test_request_of_ambiguous_length_changes_nothing(
        self, server: Server, lines: bytes
    ) -> None:
        told = await answers(server, HEAD + lines + b"\r\n" + ADD + b"0\r\n\r\n" + INSIDE)
        statuses = [line[9:12] for line in told.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
        assert all(b"400" <= status < b"500" for status in statuses)
        assert server.witness.counts["added"] == 0

    @pytest.mark.parametrize(
        "start",
        [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example\r\n\r\n",
            b"TRACE /graphql HTTP/1.1\r\nhost: a\r\n\r\n",
            b"GET * HTTP/1.1\r\nhost: a\r\n\r\n",
            b"GET //evil.example/graphql HTTP/1.1\r\nhost: a\r\n\r\n",
            b"GET http://[::1/graphql HTTP/1.1\r\nhost: a\r\n\r\n",
            b"GET /%00%ff/../graphql HTTP/1.1\r\nhost: a\r\n\r\n",
            b"GET /graphql HTTP/9.9\r\nhost: a\r\n\r\n",
            b"*1\r\n$4\r\nPING\r\n",
        ],
    )
    async def test_other_protocols_get_no_5xx(self, server: Server, start: bytes) -> None:
        told = await answers(server, start)
        assert not told.startswith(b"HTTP/1.1 5")
        assert b"evil.example" not in told

    async def test_many_chunks_with_extensions_are_refused(self, server: Server) -> None:
        chunk = b"1000;%b\r\n%b\r\n" % (b"x" * 3_000, b" " * 0x1000)
        told = await answers(server, HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunk * 20)
        assert told == b"" or told.startswith(b"HTTP/1.1 413 ")

    async def test_pipelined_requests_are_answered_in_order(self, server: Server) -> None:
        requests = b"".join(
            b"GET /graphql?query={a%d:hello} HTTP/1.1\r\nhost: a\r\n\r\n" % n for n in range(200)
        )
        told = await answers(server, requests, b'{"a199":"world"}')
        places = [told.index(b'{"a%d":' % number) for number in range(200)]
        assert places == sorted(places)


class TestFrames:
    @pytest.mark.parametrize(
        ("frames", "code"),
        [
            (frame(b"\x00", 0x82), 4400),
            (frame(b"{"), 4400),
            (frame(b"\xff"), 1007),
            (frame(b'{"type":"nothing"}'), 4400),
            (frame(HELLO), 4401),
            (INIT + INIT, 4429),
            (frame(b"", 0xC1), 1002),  # compressed, which was not negotiated
            (frame(b"", 0x83), 1002),  # a reserved opcode
            (frame(b"a" * 126, 0x89), 1002),  # a ping that is too long
            (frame(b"a", 0x09), 1002),  # a fragmented ping
            (frame(b"a", 0x80), 1002),  # a continuation without a message
            (frame(b"a", 0x01) + frame(b"b"), 1002),  # a message inside another one
            (b"\x81\x01a", 1002),  # without a mask
            (b"\x81\xff" + (2**63).to_bytes(8, "big") + bytes(4), 1009),
            (b"\x81\xff" + (2**62).to_bytes(8, "big") + bytes(4), 1009),
        ],
    )
    async def test_invalid_frames_close_the_socket(
        self, server: Server, frames: bytes, code: int
    ) -> None:
        told = await answers(server, frames, b"\x88", framed=True)
        assert b"\x88" in told
        closing = told[told.rindex(b"\x88") :]
        assert int.from_bytes(closing[2:4], "big") == code

    async def test_message_in_many_fragments_is_one_message(self, server: Server) -> None:
        parts = [frame(HELLO[:1], 0x01), *(frame(HELLO[n : n + 1], 0x00) for n in range(1, 60))]
        last = frame(HELLO[60:], 0x80)
        told = await answers(server, INIT + b"".join(parts) + last, WORLD, framed=True)
        assert WORLD in told

    async def test_complete_for_an_unknown_operation_is_ignored(self, server: Server) -> None:
        done = frame(b'{"type":"complete","id":"9"}')
        told = await answers(server, INIT + done * 50 + frame(HELLO), WORLD, framed=True)
        assert WORLD in told

    async def test_every_ping_frame_is_answered(self, server: Server) -> None:
        pings = frame(b"", 0x89) * 500
        told = await answers(server, INIT + pings + frame(HELLO), WORLD, framed=True)
        assert told.count(b"\x8a\x00") == 500
        assert WORLD in told
