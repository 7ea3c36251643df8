"""Request smuggling: bytes by which a stranger tries to get another client's request or response.

A trap is the hidden part: a request, or the beginning of one, for a server that ends the request
around it at another place than the proxy does. A framing is the request around it.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from tests.real.proxies.site import CREATE, SMUGGLED, Person
from tests.real.proxies.wire import JSON, chunked, operation, request

UPGRADE = {"Connection": "Upgrade"}
JAVA = {
    "Connection": "Upgrade, HTTP2-Settings",
    "HTTP2-Settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
    "Upgrade": "h2c",
}
"""The headers by which java.net.http.HttpClient offers HTTP/2 in every request by http://."""
HANDSHAKE = UPGRADE | {
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "graphql-transport-ws",
}
EMPTY_LINES = b"\r\n" * 150_000
"""Bytes that a server skips before a request; more than it receives at once with the head."""
CHUNKED = {"Transfer-Encoding": "chunked"}
MEGABYTE = 1_048_576

Trap: TypeAlias = Callable[[Person], bytes]
Framing: TypeAlias = Callable[[bytes], bytes]


def whole_request(stranger: Person) -> bytes:
    """Returns an operation of the stranger; as the body of another request it must not run."""
    return request(operation(CREATE, title=SMUGGLED), token=stranger.token)


def unended_head(_: Person) -> bytes:
    """Returns a query that would run with the token of the next request, and be answered for it."""
    query = request(method="GET", target="/graphql?query={viewer{id}}", headers={})
    return query.removesuffix(b"\r\n") + b"X-Swallowed: "


def unended_body(stranger: Person) -> bytes:
    """Returns an operation whose body would be completed by the next request."""
    body = operation(CREATE, title=SMUGGLED)
    headers = JSON | {"Content-Length": str(len(body) + 100)}
    return request(body, headers=headers, token=stranger.token)


def _far(trap: Trap) -> Trap:
    return lambda stranger: EMPTY_LINES + trap(stranger)


WHOLE: Mapping[str, Trap] = {"near": whole_request, "far": _far(whole_request)}
UNENDED: Mapping[str, Trap] = {
    "head": unended_head,
    "head, far": _far(unended_head),
    "body": unended_body,
}


def _framing(headers: dict[str, str], method: str = "POST", target: str = "/graphql") -> Framing:
    return lambda trap: request(trap, method=method, target=target, headers=JSON | headers)


def _chunks(headers: dict[str, str], method: str = "POST") -> Framing:
    return lambda trap: request(
        chunked(trap[:10], trap[10:]), method=method, headers=JSON | headers | CHUNKED
    )


BODIES: Mapping[str, Framing] = {
    "h2c": _framing(UPGRADE | {"Upgrade": "h2c"}),
    "h2c as Java": _framing(JAVA),
    "h2c in chunks": _chunks(JAVA),
    "foo": _framing(UPGRADE | {"Upgrade": "foo"}),
    "foo in chunks": _chunks(UPGRADE | {"Upgrade": "foo"}),
    "TLS/1.0": _framing(UPGRADE | {"Upgrade": "TLS/1.0"}),
    "websocket": _framing(UPGRADE | {"Upgrade": "websocket"}),
    "websocket or h2c": _framing(UPGRADE | {"Upgrade": "websocket, h2c"}),
    "websocket, handshake by POST": _framing(HANDSHAKE),
    "websocket, handshake": _framing(HANDSHAKE, "GET"),
    "websocket, handshake in chunks": _chunks(HANDSHAKE, "GET"),
    "websocket of another version": _framing(HANDSHAKE | {"Sec-WebSocket-Version": "12"}, "GET"),
    "websocket without a key": _framing(UPGRADE | {"Upgrade": "websocket"}, "GET"),
    "websocket elsewhere": _framing(HANDSHAKE, "GET", "/nowhere"),
    "h2c by GET": _framing(JAVA, "GET"),
    "h2c by PUT": _framing(JAVA, "PUT"),
    "h2c by OPTIONS": _framing(JAVA, "OPTIONS"),
    "h2c by HEAD": _framing(JAVA, "HEAD"),
    "h2c elsewhere": _framing(JAVA, target="/nowhere"),
    "h2c and a refused type": _framing(JAVA | {"Content-Type": "text/plain"}),
    "h2c and then the end": _framing({"Connection": "close, Upgrade", "Upgrade": "h2c"}),
    "h2c by HTTP/1.0": lambda trap: _framing(JAVA)(trap).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    "Upgrade without Connection": _framing({"Upgrade": "h2c"}),
    "Connection without Upgrade": _framing(UPGRADE),
    "no upgrade": _framing({}),
    "no upgrade, in chunks": _chunks({}),
    "GET": _framing({}, "GET"),
    "GET in chunks": _chunks({}, "GET"),
    "HEAD": _framing({}, "HEAD"),
    "HEAD of health": _framing({}, "HEAD", "/health/live"),
    "OPTIONS": _framing({}, "OPTIONS"),
    "DELETE": _framing({}, "DELETE"),
    "TRACE": _framing({}, "TRACE"),
    "a refused type": _framing({"Content-Type": "text/plain"}),
    "a coding that is not read": _framing({"Content-Encoding": "gzip"}),
    "an unknown path": _framing({}, target="/nowhere"),
    "an absolute target": _framing({}, target="http://elsewhere.example.com/graphql"),
    "expected": _framing({"Expect": "100-continue"}),
    "expected and upgraded": _framing(JAVA | {"Expect": "100-continue"}),
    "too large": lambda trap: request(b" " * MEGABYTE + trap),
    "too large and upgraded": lambda trap: request(b" " * MEGABYTE + trap, headers=JSON | JAVA),
    "too large, in chunks": lambda trap: request(
        chunked(b" " * MEGABYTE, b" " * MEGABYTE, trap), headers=JSON | CHUNKED
    ),
}
"""Requests whose body is clearly the trap, also those that should not have a body."""


def _head(*lines: bytes) -> bytes:
    return b"POST /graphql HTTP/1.1\r\nContent-Type: application/json\r\n" + b"\r\n".join(lines)


def _bytes(head: bytes, before: bytes = b"") -> Framing:
    """Puts the trap after this head and `before`; %d in the head is the length of both."""

    def framed(trap: bytes) -> bytes:
        body = before + trap
        return (head % len(body) if b"%d" in head else head) + body

    return framed


def _length(*lines: bytes) -> Framing:
    """Sends the trap as the body."""
    return _bytes(_head(b"Host: a", *lines, b"\r\n"))


def _lines(*lines: bytes) -> Framing:
    """Puts the trap after an empty chunked body."""
    return _bytes(_head(b"Host: a", *lines, b"\r\n"), b"0\r\n\r\n")


def _in_chunk(size: bytes, end: bytes = b"\r\n0\r\n\r\n", lines: bytes = b"") -> Framing:
    """Puts the trap in or after a chunk with an odd size line; %x in it is the trap's length."""
    head = _head(b"Host: a", b"Transfer-Encoding: chunked", lines + b"\r\n")

    def framed(trap: bytes) -> bytes:
        line = size % len(trap) if b"%" in size else size
        return head + line + b"\r\n" + trap + end

    return framed


_LENGTH = b"Content-Length: %d"
_TE = b"Transfer-Encoding: chunked"

DOUBTS: Mapping[str, Framing] = {
    "CL and TE": _lines(_LENGTH, _TE),
    "TE and CL": _lines(_TE, _LENGTH),
    "CL and TE, upgraded": _lines(_LENGTH, _TE, b"Connection: Upgrade", b"Upgrade: h2c"),
    "CL of the size line, and TE": _in_chunk(b"%03x", lines=b"Content-Length: 5\r\n"),
    "two lengths": _length(b"Content-Length: 0", _LENGTH),
    "two lengths, the longer first": _length(_LENGTH, b"Content-Length: 0"),
    "a list of lengths": _length(b"Content-Length: 0, %d"),
    "a length with a sign": _length(b"Content-Length: +%d"),
    "a negative length": _length(b"Content-Length: -1"),
    "no number as length": _length(b"Content-Length: "),
    "two numbers as length": _length(b"Content-Length: 0 %d"),
    "a hexadecimal length": _length(b"Content-Length: 0x0"),
    "a length with letters": _length(b"Content-Length: %da"),
    "a length of 20 digits": _length(b"Content-Length: 18446744073709551616"),
    "a space before the colon of CL": _length(b"Content-Length : %d"),
    "a tab before the colon of TE": _lines(b"Transfer-Encoding\t: chunked", _LENGTH),
    "gzip, chunked": _lines(b"Transfer-Encoding: gzip, chunked"),
    "chunked, identity": _lines(b"Transfer-Encoding: chunked, identity", _LENGTH),
    "chunked, chunked": _lines(b"Transfer-Encoding: chunked, chunked"),
    "chunked twice": _lines(_TE, _TE),
    "identity": _lines(b"Transfer-Encoding: identity", _LENGTH),
    "xchunked": _lines(b"Transfer-Encoding: xchunked", _LENGTH),
    "no coding": _lines(b"Transfer-Encoding: ", _LENGTH),
    "chunked in quotes": _lines(b'Transfer-Encoding: "chunked"', _LENGTH),
    "chunked after a vertical tab": _lines(b"Transfer-Encoding: \x0bchunked", _LENGTH),
    "chunked before a form feed": _lines(b"Transfer-Encoding: chunked\x0c", _LENGTH),
    "chunked before a bare CR": _lines(b"Transfer-Encoding: chunked\r", _LENGTH),
    "chunked, folded": _lines(b"Transfer-Encoding:\r\n chunked", _LENGTH),
    "a folded line before TE": _lines(b"X-A: b", b" Transfer-Encoding: chunked", _LENGTH),
    "TE behind a bare LF": _lines(b"X-A: b\nTransfer-Encoding: chunked", _LENGTH),
    "CL behind a bare LF": _length(b"X-A: b\nContent-Length: 0", _LENGTH),
    "CL behind a bare CR": _length(b"X-A: b\rContent-Length: 0", _LENGTH),
    "NUL in a value": _length(b"X-A: b\0c", _LENGTH),
    "NUL in a name": _length(b"X\0A: b", _LENGTH),
    "a name with a space": _length(b"X A: b", _LENGTH),
    "a line without a colon": _length(b"X-A", _LENGTH),
    "a line that begins with a colon": _length(b": b", _LENGTH),
    "a head that ends with a bare LF": _bytes(
        _head(b"Host: a", b"Content-Length: %d").replace(b"\r\n", b"\n") + b"\n\n"
    ),
    "chunks of HTTP/1.0": lambda trap: _lines(_TE, b"Connection: keep-alive")(trap).replace(
        b"HTTP/1.1", b"HTTP/1.0", 1
    ),
    "no Host": _bytes(_head(b"Content-Length: %d", b"\r\n")),
    "two Hosts": _length(b"Host: b", _LENGTH),
    "a chunk of 0x": _in_chunk(b"0x%x"),
    "a chunk with a sign": _in_chunk(b"+%x"),
    "a negative chunk": _in_chunk(b"-1"),
    "a chunk of 17 digits": _in_chunk(b"1000000000000000%x"),
    "a chunk with a space": _in_chunk(b"0 %x"),
    "a chunk without a size": _in_chunk(b""),
    "a chunk with no end": _in_chunk(b"0", end=b""),
    "a chunk that is longer than it says": _in_chunk(b"1"),
    "a chunk behind a bare LF": _in_chunk(b"%x\n0"),
    "an extension with a bare LF": _in_chunk(b"0;\n%x"),
    "CONNECT": _bytes(b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n"),
    "CONNECT of a path": _bytes(b"CONNECT /graphql HTTP/1.1\r\nHost: a\r\n\r\n"),
    "the preface of HTTP/2": _bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/2.0": _bytes(_head(b"Host: a", _LENGTH, b"\r\n").replace(b"/1.1", b"/2.0")),
    "no version": _bytes(b"GET /graphql\r\n\r\n"),
    "a target with a space": _bytes(b"GET /graphql HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a space before the method": _bytes(b" GET /graphql HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a line that begins with a space": _bytes(b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
}
"""Requests that two parsers may end at different places; the trap is what is then left over."""


LATE: Mapping[str, Framing] = {
    "h2c": BODIES["h2c as Java"],
    "no upgrade": BODIES["no upgrade"],
    "a refused type": BODIES["a refused type"],
    "an unknown path": BODIES["an unknown path"],
    "refused by its length": lambda trap: request(
        trap, headers=JSON | {"Expect": "100-continue", "Content-Length": str(3 * MEGABYTE)}
    ),
}
"""Requests whose body arrives after their head, and perhaps after their response."""


def handshake(target: str = "/graphql", headers: Mapping[str, str] | None = None) -> bytes:
    """Returns the request that opens a WebSocket."""
    return request(method="GET", target=target, headers=HANDSHAKE | dict(headers or {}))


HANDSHAKES: Mapping[str, bytes] = {
    "that is right": handshake(),
    "without a protocol": handshake(headers={"Sec-WebSocket-Protocol": "unknown"}),
    "of another version": handshake(headers={"Sec-WebSocket-Version": "12"}),
    "with a short key": handshake(headers={"Sec-WebSocket-Key": "AAAA"}),
    "of another origin": handshake(headers={"Origin": "https://evil.example.com"}),
    "elsewhere": handshake("/nowhere"),
}
