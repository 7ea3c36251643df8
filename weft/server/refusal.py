"""Responses of the server itself to requests that it does not pass to the application."""

from dataclasses import dataclass

import msgspec

from weft.server.answer_head import status_line

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Refusal:
    """Status, message and code of a response that ends its connection."""

    status: int
    message: str
    code: str = "BAD_REQUEST"
    lines: bytes = b""
    """Additional header lines."""

    def answer(self, default_lines: bytes) -> bytes:
        """The whole response; its body is a GraphQL response without data."""
        error = {"message": self.message, "extensions": {"code": self.code}}
        body = _encode({"errors": [error]})
        again = b"retry-after: 1\r\n" if self.status in (429, 503) else self.lines
        head = b"%b%bconnection: close\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
        head %= status_line(self.status), default_lines + again, len(body)
        return head + b"\r\n" + body


class RequestRefused(Exception):
    """Raised for a request that must not be served; nothing is read after it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.refusal = Refusal(status, message)
