"""Parses the responses of a server as a client does, by h11."""

from collections.abc import Sequence
from dataclasses import dataclass

import h11

from tests.parsers.recorder import NUMBER
from tests.parsers.reference import Request

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
ANY = Request("http", b"GET", b"1.1", b"/", b"", ())
"""Stands for the request of a refusal that was written before the request could be parsed."""


@dataclass(frozen=True)
class Answer:
    """A response. `number` is that of the application's call; None if the server made it itself."""

    status: int
    version: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    continues: int
    """The number of `100 Continue` before the response."""

    def has(self, name: bytes, member: bytes) -> bool:
        """Whether a list header has this member."""
        lines = [value.lower() for given, value in self.headers if given == name]
        return any(member in [part.strip() for part in line.split(b",")] for line in lines)

    @property
    def number(self) -> int | None:
        return next((int(value) for name, value in self.headers if name == NUMBER), None)


def read_answers(
    written: bytes, requests: Sequence[Request], *, is_closed: bool
) -> tuple[list[Answer], bytes]:
    """Returns the responses to these requests, and the bytes after a switch of protocols.

    Raises if a response is framed wrongly or cut off, or bytes are left over.
    """
    answers: list[Answer] = []
    left = written
    while left and not (left == CONTINUE and _waits(requests[len(answers) :])):
        request = requests[len(answers)] if len(answers) < len(requests) else ANY
        answer, rest = _read(left, request, is_closed)
        if answer.number is None and request.method == b"HEAD" and rest:
            # A server that could not parse the head does not know that it was a HEAD.
            answer, rest = _read(left, ANY, is_closed)
        answers.append(answer)
        if answer.status == 101:
            return answers, rest
        left = rest
    return answers, b""


def _waits(requests: Sequence[Request]) -> bool:
    """Whether the client waits for `100 Continue` before it sends the body."""
    return bool(requests) and requests[0].expects_continue


def _read(written: bytes, request: Request, is_closed: bool) -> tuple[Answer, bytes]:
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=len(written) + 1)
    headers = [(b"host", b"a")]
    if request.kind == "websocket":
        headers += [(b"connection", b"upgrade"), (b"upgrade", b"websocket")]
    client.send(h11.Request(method=request.method, target=b"/", headers=headers))
    client.send(h11.EndOfMessage())
    client.receive_data(written)
    if is_closed:
        client.receive_data(b"")
    head: h11.Response | h11.InformationalResponse | None = None
    body = b""
    continues = 0
    while True:
        event = client.next_event()
        if isinstance(event, h11.InformationalResponse) and event.status_code != 101:
            assert event.status_code == 100, event
            continues += 1
        elif isinstance(event, h11.Response | h11.InformationalResponse):
            assert head is None
            head = event
            if event.status_code == 101:
                break
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            break
        else:
            raise AssertionError(f"{event} in {written}")
    assert head is not None
    found = tuple((bytes(name), bytes(value)) for name, value in head.headers)
    answer = Answer(head.status_code, bytes(head.http_version), found, body, continues)
    return answer, client.trailing_data[0]
