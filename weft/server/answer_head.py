"""The lines of a response's head."""

import re
from collections.abc import Iterable
from http import HTTPStatus

Header = tuple[bytes, bytes]

STATUS_LINES: dict[int, bytes] = {
    status: f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode() for status in HTTPStatus
}
NO_NAME = re.compile(b"[^!#$%&'*+.^_`|~0-9A-Za-z-]|^$")
NO_VALUE = re.compile(b"[\x00-\x08\x0a-\x1f\x7f]")
FRAMING = frozenset({b"connection", b"content-length", b"transfer-encoding"})


def status_line(status: int) -> bytes:
    """The first line; without a phrase for a status that is not standard."""
    return STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


def header_lines(headers: Iterable[Header]) -> bytes:
    """The headers as lines, without those that frame the response, which the server writes.

    Raises RuntimeError for a name or value that is not valid.
    """
    lines: list[bytes] = []
    for given, value in headers:
        name = given.lower()
        if NO_NAME.search(name) or NO_VALUE.search(value):
            raise RuntimeError("A header of the answer is not valid.")
        if name not in FRAMING:
            lines.append(b"%b: %b\r\n" % (name, value))
    return b"".join(lines)
