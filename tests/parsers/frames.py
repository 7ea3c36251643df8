"""An application gets the messages that `websockets` parses, however the bytes are divided.

`check_frames` takes any bytes. It sends them after a handshake: together with it, at once, in
halves, and byte by byte.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Protocol, State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from tests.parsers.answers import read_answers
from tests.parsers.conversation import Conversation, Conversations
from tests.parsers.reference import End, read
from tests.parsers.server import MESSAGE_LIMIT_BYTES

HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"sec-websocket-protocol: graphql-transport-ws\r\n\r\n"
)
URI = parse_uri("ws://a/graphql")


@dataclass(frozen=True)
class Socket:
    """What a server reads on a socket, and how it closes it.

    A server that fails a socket may have read later frames of the same bytes: `late_pings` and all
    but the first of `close_codes` belong to frames after a text that is not UTF-8.
    """

    messages: tuple[str | bytes, ...]
    pings: tuple[bytes, ...]
    late_pings: tuple[bytes, ...]
    close_codes: tuple[int | None, ...]


def read_frames(data: bytes) -> Socket:
    """Returns what `websockets` parses from these bytes as a server, all at once."""
    server = ServerProtocol(state=State.OPEN, max_size=MESSAGE_LIMIT_BYTES)
    server.receive_data(data)
    messages: list[str | bytes] = []
    pings: tuple[list[bytes], list[bytes]] = ([], [])
    codes = [None if server.close_sent is None else int(server.close_sent.code)]
    parts: list[bytes] = []
    is_text = is_broken = False
    for frame in _frames(server):
        if frame.opcode is Opcode.PING:
            pings[is_broken].append(bytes(frame.data))
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT) and not is_broken:
            is_text = is_text if frame.opcode is Opcode.CONT else frame.opcode is Opcode.TEXT
            parts.append(bytes(frame.data))
            if frame.fin:
                message, parts = b"".join(parts), []
                try:
                    messages.append(message.decode() if is_text else message)
                except UnicodeDecodeError:
                    codes.insert(0, int(CloseCode.INVALID_DATA))
                    is_broken = True
    if is_broken and codes[-1] is None:
        codes.pop()
    return Socket(tuple(messages), tuple(pings[0]), tuple(pings[1]), tuple(codes))


def check_frames(data: bytes, conversations: Conversations) -> None:
    """Fails if a server parses these bytes differently from `websockets`."""
    expected = read_frames(data)
    conversations.fresh()
    half = len(data) // 2
    singly = [data[place : place + 1] for place in range(len(data))]
    together = HANDSHAKE + data
    for pieces, waits in (
        ([HANDSHAKE, data], True),
        ([HANDSHAKE, data[:half], data[half:]], True),
        ([HANDSHAKE, *singly], False),
        ([together], True),
        ([together[: len(HANDSHAKE) + half], together[len(HANDSHAKE) + half :]], False),
    ):
        _judge(expected, conversations.run(pieces, waits=waits))


def _judge(expected: Socket, came: Conversation) -> None:
    reading = read(HANDSHAKE)
    assert reading.end is End.SOCKET
    answers, written = read_answers(came.written, reading.requests, is_closed=came.is_closed)
    assert [answer.status for answer in answers] == [101], f"no socket: {answers}"
    (call,) = came.calls
    found = tuple(call.messages)
    assert found == expected.messages, f"read otherwise: {found}, {expected.messages}"
    client = ClientProtocol(URI, state=State.OPEN)
    client.receive_data(written)
    frames = list(_frames(client))
    assert client.parser_exc is None, f"written wrongly: {written}, {client.parser_exc!r}"
    pongs = tuple(bytes(frame.data) for frame in frames if frame.opcode is Opcode.PONG)
    first = len(expected.pings)
    assert pongs[:first] == expected.pings, f"other pongs: {pongs}, {expected.pings}"
    late = expected.late_pings[: len(pongs) - first]
    assert pongs[first:] == late, f"more pongs: {pongs}, {expected.pings}"
    closed = client.close_rcvd
    code = None if closed is None else int(closed.code)
    assert code in expected.close_codes, f"closed otherwise: {code}, {expected.close_codes}"
    assert closed is None or frames[-1].opcode is Opcode.CLOSE, f"more after the end: {frames}"
    assert len(frames) == len(pongs) + (closed is not None), f"more than was asked: {frames}"


def _frames(protocol: Protocol) -> Iterator[Frame]:
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        yield event
