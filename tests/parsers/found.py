"""Streams that a server once parsed wrongly, as uvicorn's own protocol does."""

from tests.parsers.streams import HANDSHAKE_LINES, SMUGGLED

H = b"host: a\r\n"
GET = b"GET / HTTP/1.1\r\n" + H + b"\r\n"
CHUNKED = b"POST / HTTP/1.1\r\n" + H + b"transfer-encoding: chunked\r\n"
UPGRADE = b"connection: upgrade\r\nupgrade: h2c\r\n"
SOCKET = b"connection: upgrade\r\nupgrade: websocket\r\n"

FOUND: dict[str, bytes] = {
    "an upgrade that is not taken, and its body": (
        b"POST / HTTP/1.1\r\n" + H + UPGRADE + b"content-length: 35\r\n\r\n" + SMUGGLED
    ),
    "a request after an upgrade that is not taken": (
        b"GET / HTTP/1.1\r\n" + H + UPGRADE + b"\r\n" + GET
    ),
    "a handshake after a request": (
        GET + b"GET /graphql HTTP/1.1\r\n" + H + SOCKET + HANDSHAKE_LINES + b"\r\n"
    ),
    "a handshake with a body": (
        b"GET /graphql HTTP/1.1\r\n"
        + H
        + SOCKET
        + HANDSHAKE_LINES
        + b"content-length: 3\r\n\r\nabc"
    ),
    "a fault after a request": GET + b"\x00\r\n\r\n",
    "a trailer": CHUNKED + b"\r\n0\r\nAuthorization: Bearer good\r\n\r\n",
    "a trailer that closes": CHUNKED + b"\r\n0\r\nconnection: close\r\n\r\n" + GET,
    "two codings": CHUNKED.replace(b"chunked", b"gzip, chunked") + b"\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": CHUNKED.replace(b"1.1", b"1.0") + b"\r\n0\r\n\r\n",
    "chunks to HTTP/1.0": b"GET /stream HTTP/1.0\r\n\r\n",
    "100 Continue to HTTP/1.0": (
        b"POST / HTTP/1.0\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc"
    ),
    "HTTP/2.0": b"GET / HTTP/2.0\r\n" + H + b"\r\n",
    "no version": b"GET /\r\n\r\n",
    "CONNECT": b"CONNECT / HTTP/1.1\r\n" + H + b"\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\n" + H + b"host: b\r\n\r\n",
    "a host with a path": b"GET / HTTP/1.1\r\nhost: a/b\r\n\r\n",
    "a host beside the target's": b"GET http://b/ HTTP/1.1\r\n" + H + b"\r\n",
    "a host with a bare percent sign": b"GET / HTTP/1.1\r\nhost: %a\r\n\r\n",
    "a target with a user": b"GET http://u@a/ HTTP/1.1\r\n" + H + b"\r\n",
    "a target of another scheme": b"GET ftp://a/ HTTP/1.1\r\n" + H + b"\r\n",
    "a target with a fragment": b"GET /#b HTTP/1.1\r\n" + H + b"\r\n",
    "an asterisk": b"GET * HTTP/1.1\r\n" + H + b"\r\n",
    "white space after a value": b"GET / HTTP/1.1\r\n" + H + b"connection: close\t\r\n\r\n" + GET,
}
FOUND_IN_OURS: dict[str, bytes] = {
    "HEAD, answered past ASGI": b"HEAD /direct HTTP/1.1\r\n" + H + b"\r\n",
    "a fault in a body that is waited for": CHUNKED + b"expect: 100-continue\r\n\r\n\r\n",
}
"""Streams that only a server of ours parsed wrongly."""
