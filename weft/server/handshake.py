"""The server's part of the opening handshake of a WebSocket (RFC 6455, 4.2)."""

from collections.abc import Sequence

from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from weft.server.answer_head import Header, header_lines
from weft.server.refusal import Refusal
from weft.server.request_head import RequestHead

WANTED = b"upgrade: websocket\r\nsec-websocket-version: 13\r\n"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n"


class Handshake:
    """A handshake that a client has requested."""

    def __init__(self, head: RequestHead) -> None:
        headers = Headers(
            [(name.decode(), value.decode("latin-1")) for name, value in head.headers]
        )
        answer = ServerProtocol().accept(Request(head.target.decode(), headers))
        del answer.headers["Date"]
        self._answer = answer
        self.subprotocols = [
            name.strip()
            for value in headers.get_all("sec-websocket-protocol")
            for name in value.split(",")
        ]
        """The subprotocols that the client offers, the preferred one first."""

    @property
    def refusal(self) -> Refusal | None:
        """Why it cannot be accepted; None if it can."""
        if self._answer.status_code == 101:
            return None
        message = "This is no WebSocket handshake of version 13."
        return Refusal(self._answer.status_code, message, lines=WANTED)

    def accept(
        self, default_lines: bytes, headers: Sequence[Header], subprotocol: str | None
    ) -> bytes:
        """The response that opens the socket."""
        lines = self._answer.headers.serialize().removesuffix(b"\r\n") + header_lines(headers)
        if subprotocol:
            # Some clients recognise only this spelling of the name.
            lines += b"Sec-WebSocket-Protocol: %b\r\n" % subprotocol.encode()
        return SWITCHING + default_lines + lines + b"\r\n"
