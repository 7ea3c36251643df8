"""The fuzz targets: each function takes any bytes, and must not fail.

`SEEDS` are valid inputs, from which a fuzzer gets further than from nothing.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress

import msgspec

from tests.parsers.agreement import check
from tests.parsers.connection import Peer
from tests.parsers.conversation import Conversations
from tests.parsers.frame_streams import BINARY, CLOSE, CONTINUED, PING, TEXT, frame
from tests.parsers.frames import HANDSHAKE, check_frames
from tests.parsers.streams import SMUGGLED
from weft.auth.tokens import bearer_token
from weft.changes.change import Point
from weft.changes.cursor import Cursors
from weft.declare.identity import decode_id, encode_id
from weft.errors import BadArgument, BadRequest, Unauthenticated
from weft.transport import messages, strict_json
from weft.transport.messages import SocketClosed
from weft.transport.negotiation import check_content_type, response_type
from weft.transport.request import from_body, from_query_string

CURSORS = Cursors("a secret of the tests, long enough")

_loop: list[tuple[asyncio.AbstractEventLoop, Peer]] = []
_conversations: list[Conversations] = []


def talk(*pieces: bytes) -> bytes:
    """Sends the pieces on one connection; returns the response."""
    if not _loop:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        _loop.append((loop, Peer()))
    loop, peer = _loop[0]
    return loop.run_until_complete(peer.talk(*pieces))


def end_talks() -> None:
    """Closes the event loops that the targets have opened."""
    while _loop:
        _loop.pop()[0].close()
    while _conversations:
        _conversations.pop().end()


def conversations() -> Conversations:
    """Returns the conversations shared by all targets."""
    if not _conversations:
        _conversations.append(Conversations())
    return _conversations[0]


def http(data: bytes) -> None:
    """Sends the bytes on a connection, at once and in halves."""
    talk(data)
    half = len(data) // 2
    talk(data[:half], data[half:])


def socket(data: bytes) -> None:
    """Sends the bytes on a socket after the handshake, and on another one in a text frame."""
    assert talk(HANDSHAKE, data).startswith(b"HTTP/1.1 101")
    assert talk(HANDSHAKE, frame(TEXT, b'{"type":"connection_init"}'), frame(TEXT, data))


def requests(data: bytes) -> None:
    """Checks that the requests of a connection are those of the reference."""
    check(data, conversations())


def frames(data: bytes) -> None:
    """Checks that the messages of a socket are those that `websockets` parses."""
    check_frames(data, conversations())


def message(data: bytes) -> None:
    """Decodes a socket's message: it is one of the protocol, or closes the socket."""
    with suppress(SocketClosed):
        messages.decode(data)


def body(data: bytes) -> None:
    """Decodes a request's body, as JSON and as parameters."""
    with suppress(BadRequest):
        assert _same(strict_json.decode(data), json.loads(data))
    with suppress(BadRequest):
        from_body(data)


def query_string(data: bytes) -> None:
    with suppress(BadRequest):
        from_query_string(data)


def headers(data: bytes) -> None:
    """Parses the bytes as Accept, Content-Type and Authorization."""
    with suppress(BadRequest):
        response_type(data, html=True, streams=True)
    with suppress(BadRequest):
        check_content_type(data)
    with suppress(Unauthenticated):
        bearer_token(data.decode("latin-1"))


def opaque(data: bytes) -> None:
    """Decodes global IDs and cursors: what is accepted encodes to the same text."""
    text = data.decode("latin-1")
    with suppress(BadArgument):
        assert encode_id(*decode_id(text)) == text
    with suppress(BadArgument):
        assert CURSORS.encode(CURSORS.decode(text)) == text


def _same(one: object, other: object) -> bool:
    # Compared as text: numbers may differ in type, and NaN is not equal to itself.
    return msgspec.json.encode(one) == msgspec.json.encode(other)


_POST = b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
_SUBSCRIBE = b'{"type":"subscribe","id":"1","payload":{"query":"{ hello }"}}'
SEEDS: dict[Callable[[bytes], None], list[bytes]] = {
    http: [
        _POST + b'content-length: 19\r\n\r\n{"query":"{hello}"}',
        _POST + b'transfer-encoding: chunked\r\n\r\n13\r\n{"query":"{hello}"}\r\n0\r\n\r\n',
        b"GET /graphql?query={hello} HTTP/1.1\r\nhost: a\r\naccept: text/event-stream\r\n\r\n" * 2,
        b"OPTIONS /graphql HTTP/1.1\r\nhost: a\r\norigin: https://app.example\r\n"
        b"access-control-request-method: POST\r\n\r\n",
        b"GET /graphql?query={viewer} HTTP/1.1\r\nhost: a\r\nx-session: cookie\r\n"
        b"cookie: __Host-weft-access=good; a=b\r\n\r\n",
        HANDSHAKE,
    ],
    socket: [
        frame(TEXT, b'{"type":"connection_init"}') + frame(TEXT, _SUBSCRIBE),
        frame(PING, b""),
    ],
    requests: [
        _POST + b"content-length: 3\r\n\r\nabc" + SMUGGLED * 2,
        _POST + b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 3\r\n\r\nabc" + SMUGGLED,
        _POST + b"transfer-encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nx: y\r\n\r\n" + SMUGGLED,
        b"HEAD /direct HTTP/1.1\r\nhost: a\r\n\r\n" * 2,
        b"PUT /early HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\na",
        b"GET http://a/slow?b HTTP/1.0\r\nhost: a\r\nconnection: keep-alive, x\r\n\r\n" + SMUGGLED,
        SMUGGLED + HANDSHAKE + frame(TEXT, b"a"),
    ],
    frames: [
        frame(TEXT, b"a", final=False) + frame(PING, b"b") + frame(CONTINUED, b"c", mask=b"mask"),
        frame(BINARY, bytes(200)) + frame(CLOSE, b"\x03\xe8bye"),
    ],
    message: [_SUBSCRIBE, b'{"type":"ping","payload":{"Authorization":"Bearer good"}}'],
    body: [b'{"query":"{ hello }","variables":{"a":[1.5e3,null,"\\u00e9"]},"operationName":"A"}'],
    query_string: [b"query=%7Bhello%7D&variables=%7B%22a%22%3A1%7D&operationName=&extensions="],
    headers: [b"text/event-stream;q=0.9, */*;q=0.1;charset=utf-8", b"Bearer eyJh.eyJz.c2ln"],
    opaque: [encode_id("Item", 7).encode(), CURSORS.encode(Point(7, b"a mark")).encode()],
}
