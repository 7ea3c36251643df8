"""The requests that a correct server may parse from a connection: as h11 does, not our own parser.

h11 shares no code with llhttp. The reference differs from h11 on purpose in these points:

- h11 stops at `Upgrade` and after `Connection: close`. Here each request is parsed by an h11
  connection of its own. An upgrade that is not accepted is ignored (RFC 9110, 7.8): the request
  keeps its body.
- h11 refuses line breaks before a request. RFC 9112, 2.2 says to skip them.
- h11 accepts exactly one space between the parts of a request line, and no number of more than 20
  digits. RFC 9112, 3 allows more spaces, and leading zeros are digits.
- h11 accepts line feeds without a carriage return, and folded lines: RFC 9112, 2.2 and 5.2 allow
  both. A proxy may parse them differently, so nothing after such a message may be read
  (`DOUBTFUL`).
- h11 accepts Content-Length beside Transfer-Encoding: `DOUBTFUL` as well (RFC 9112, 6.3).
- h11 accepts any version, CONNECT, Transfer-Encoding in HTTP/1.0, any target, any Host, and control
  characters in the line of a chunk. Here these are faults.
- h11 merges equal Content-Lengths (RFC 9110, 8.6 allows that or a refusal) and drops trailers. A
  trailer `Connection: close` ends the connection here: llhttp reads nothing after it.
- llhttp does not report which protocol the first line names: RTSP and ICE are HTTP here as well.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

import h11

Header = tuple[bytes, bytes]

BARE_LF = re.compile(rb"(?<!\r)\n")
FOLD = re.compile(rb"\n[ \t]")
CHUNK_LINE = re.compile(rb"[0-9A-Fa-f]+(?:;[\t\x20-\x7e\x80-\xff]*)?[ \t]*")
FIRST_LINE = re.compile(rb"\A([^ \r\n]+) +([^ \r\n]+) +(?:HTTP|RTSP|ICE)(/[^ \r\n]+\r?\n)")
CLOSING = re.compile(rb"^connection:.*\bclose\b", re.IGNORECASE | re.MULTILINE)
LENGTH_ZEROS = re.compile(rb"(\ncontent-length:[ \t]*)0+(?=[0-9])", re.IGNORECASE)
SIZE_ZEROS = re.compile(rb"(\r\n)?0+(?=[0-9a-f])", re.IGNORECASE)
HEAD = re.compile(rb".*?\n\r?\n", re.DOTALL)
ABSOLUTE = re.compile(rb"https?://([^/?]*)([^?]*)(.*)", re.IGNORECASE)
HOST = re.compile(
    rb"(?:\[[0-9a-f:.]+\]|(?:[a-z0-9._~!$&'()*+,;=-]|%[0-9a-f]{2})*)(?::[0-9]*)?", re.IGNORECASE
)


class End(Enum):
    """How a connection ends, or continues, after the parsed requests."""

    WHOLE = "nothing is left: another request may come"
    PARTIAL = "the last request has not come whole"
    FAULTY = "what follows cannot be read"
    CLOSED = "the last request closes the connection: what follows is not read"
    DOUBTFUL = "the last request may be read or refused: what follows is not read"
    SOCKET = "the last request is a WebSocket handshake: what follows are frames"


@dataclass(frozen=True)
class Request:
    """A request as an application sees it. `body` is None if the application has not read it."""

    kind: str
    method: bytes
    version: bytes
    path: bytes
    query: bytes
    headers: tuple[Header, ...]
    body: bytes | None = b""

    def values(self, name: bytes) -> list[bytes]:
        """Returns the members of a list header, in lower case."""
        lines = [value for given, value in self.headers if given == name]
        return [member.strip().lower() for line in lines for member in line.split(b",")]

    @property
    def expects_continue(self) -> bool:
        return self.version != b"1.0" and b"100-continue" in self.values(b"expect")


@dataclass(frozen=True)
class Reading:
    """What was parsed from a stream. `ends` are the offsets at which each request ends.

    `unfinished` is the request after `requests` if its head is complete, but its body is incomplete
    or has a fault: an application may be called for it, and never gets all of its body.
    """

    requests: tuple[Request, ...]
    ends: tuple[int, ...]
    end: End
    why: str = ""
    unfinished: Request | None = None

    @property
    def expected(self) -> tuple[Request, ...]:
        """All requests for which the application may be called."""
        return self.requests if self.unfinished is None else (*self.requests, self.unfinished)


class Fault(Exception):
    """These bytes are not a valid request."""


def read(data: bytes) -> Reading:
    """Parses all requests in these bytes; the connection is assumed to stay open."""
    requests: list[Request] = []
    ends: list[int] = []
    left = data
    while left := left.lstrip(b"\r\n"):
        message = Message(left)
        try:
            end = message.read()
        except (Fault, h11.RemoteProtocolError) as fault:
            end = End.FAULTY
            message.why = str(fault)
        if end in (End.FAULTY, End.PARTIAL):
            found = message.request
            return Reading(tuple(requests), tuple(ends), end, message.why, found)
        assert message.request is not None
        requests.append(message.request)
        left = message.rest
        ends.append(len(data) - len(left))
        if end is not End.WHOLE:
            return Reading(tuple(requests), tuple(ends), end, message.why)
    return Reading(tuple(requests), tuple(ends), End.WHOLE)


class Message:
    """The request at the beginning of some bytes, as far as it has been parsed."""

    def __init__(self, data: bytes) -> None:
        self.request: Request | None = None
        self.why = ""
        self._closes = False
        data = FIRST_LINE.sub(rb"\1 \2 HTTP\3", data, count=1)
        head = HEAD.match(data)
        if head is not None:
            data = LENGTH_ZEROS.sub(rb"\1", head[0]) + data[head.end() :]
        self._begin(data)

    def _begin(self, data: bytes) -> None:
        self.rest = data
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=len(data) + 1)
        self._h11.receive_data(data)

    def read(self) -> End:
        """Parses the request; returns `End.WHOLE` if another may follow. Raises if it is faulty."""
        self._head, event = self._next()
        if event is h11.NEED_DATA:
            return End.PARTIAL
        assert isinstance(event, h11.Request)
        request = _request(event)
        end = self._end_after(request)
        self.request = request
        for piece in self._pieces():
            if piece is None:
                return End.PARTIAL
            assert request.body is not None
            request = self.request = replace(request, body=request.body + piece)
        if self._closes:
            end = End.CLOSED
        return End.DOUBTFUL if self.why else end

    def _next(self) -> tuple[bytes, object]:
        """Returns the bytes of the next event, and the event."""
        before = self.rest
        event = self._h11.next_event()
        self.rest = self._h11.trailing_data[0]
        return before[: len(before) - len(self.rest)], event

    def _pieces(self) -> Iterator[bytes | None]:
        """Yields the parts of the body; None at the end if it is incomplete."""
        is_chunked = self.request is not None and bool(self.request.values(b"transfer-encoding"))
        is_first = True
        while True:
            zeros = SIZE_ZEROS.match(self.rest) if is_chunked else None
            if zeros is not None and bool(zeros[1]) is not is_first:
                self._begin(self._head + self.rest[zeros.end() :])
                self._next()
                is_first = True
            raw, event = self._next()
            if event is h11.NEED_DATA:
                yield None
                return
            is_end = isinstance(event, h11.EndOfMessage)
            if is_chunked and (is_end or (isinstance(event, h11.Data) and event.chunk_start)):
                raw = raw if is_first else raw.removeprefix(b"\r\n")
                line, _, trailers = raw.partition(b"\r\n")
                if CHUNK_LINE.fullmatch(line) is None:
                    raise Fault(f"the line of a chunk is {line}")
                if is_end:
                    self._doubt(trailers)
                    self._closes = CLOSING.search(trailers) is not None
            is_first = False
            if is_end:
                return
            assert isinstance(event, h11.Data)
            yield bytes(event.data)

    def _doubt(self, lines: bytes) -> None:
        if BARE_LF.search(lines):
            self.why = "a line ends without a carriage return"
        elif FOLD.search(lines):
            self.why = "a line is folded"

    def _end_after(self, request: Request) -> End:
        self._doubt(self._head)
        is_chunked = bool(request.values(b"transfer-encoding"))
        if is_chunked and request.version == b"1.0":
            raise Fault("HTTP/1.0 has no Transfer-Encoding")
        if is_chunked and request.values(b"content-length"):
            self.why = "it has both Content-Length and Transfer-Encoding"
        if request.kind == "websocket":
            return End.SOCKET
        is_last = request.version == b"1.0" or b"close" in request.values(b"connection")
        return End.CLOSED if is_last else End.WHOLE


def _request(event: h11.Request) -> Request:
    """Returns the request as the application gets it, without its body. Raises if it is refused."""
    if event.http_version not in (b"1.0", b"1.1"):
        raise Fault("the version is none of ours")
    if event.method == b"CONNECT":
        raise Fault("CONNECT is for proxies")
    headers = [(bytes(name), bytes(value)) for name, value in event.headers]
    for host in (value for name, value in headers if name == b"host"):
        if HOST.fullmatch(host) is None:
            raise Fault("the Host is invalid")
    path, query = bytes(event.target), b""
    absolute = ABSOLUTE.fullmatch(path)
    if absolute is not None:
        authority, path, query = absolute.groups()
        if not authority or HOST.fullmatch(authority) is None or authority.startswith(b":"):
            raise Fault("the target has no valid authority")
        # The authority of the target replaces the header (RFC 9112, 3.2.2).
        headers = [pair for pair in headers if pair[0] != b"host"] + [(b"host", authority)]
        path = path or b"/"
    elif path.startswith(b"/"):
        path, mark, query = path.partition(b"?")
        query = mark + query
    elif (path, event.method) != (b"*", b"OPTIONS"):
        raise Fault("the target has no form of the four")
    if b"#" in event.target:
        raise Fault("the target has a fragment")
    request = Request(
        kind="http",
        method=bytes(event.method),
        version=bytes(event.http_version),
        path=path,
        query=query.removeprefix(b"?"),
        headers=tuple(headers),
    )
    return replace(request, kind="websocket") if _asks_for_socket(request) else request


def _asks_for_socket(request: Request) -> bool:
    has_body = request.values(b"transfer-encoding") or any(
        int(length) for length in request.values(b"content-length")
    )
    return (
        (request.method, request.version) == (b"GET", b"1.1")
        and b"upgrade" in request.values(b"connection")
        and request.values(b"upgrade") == [b"websocket"]
        and not has_body
    )
