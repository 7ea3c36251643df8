"""Reads the messages of one WebSocket with `websockets`, and limits the frames of each message."""

import logging
from typing import NoReturn, Protocol

from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

# Below WARNING, `websockets` logs the beginning and end of every connection.
_logger = logging.getLogger("weft.server.frames")
_logger.setLevel(logging.WARNING)


def text_header(length: int) -> bytes:
    """The header of an unmasked text frame of one fragment (RFC 6455, 5.2)."""
    if length < 126:
        return bytes((0x81, length))
    if length < 65_536:
        return b"\x81\x7e" + length.to_bytes(2, "big")
    return b"\x81\x7f" + length.to_bytes(8, "big")


class Messages(Protocol):
    """Receives the messages of a socket."""

    def message_came(self, message: str | bytes) -> None: ...
    def pong_came(self, payload: bytes) -> None: ...
    def close_came(self, code: int, reason: str) -> None: ...


class SocketFailed(Exception):
    """The socket has failed and cannot be read further (RFC 6455, 7.1.7)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class MessageReader:
    """Parses and writes the frames of an open socket."""

    def __init__(self, messages: Messages, message_bytes: int, fragments: int) -> None:
        self._messages = messages
        self._fragment_limit = fragments
        self._frames = ServerProtocol(state=State.OPEN, max_size=message_bytes, logger=_logger)
        self._fragments: list[bytes] = []
        self._is_text = True

    @property
    def is_open(self) -> bool:
        """Whether neither side has begun to close."""
        return self._frames.state is State.OPEN

    def feed(self, data: bytes) -> None:
        """Parses more bytes. Raises `SocketFailed` on a fault; `outgoing` has the close frame."""
        self._frames.receive_data(data)
        for event in self._frames.events_received():
            if isinstance(event, Frame):
                self._take(event)
        if self._frames.parser_exc is not None:
            sent = self._frames.close_sent
            code = CloseCode.ABNORMAL_CLOSURE if sent is None else sent.code
            raise SocketFailed(code, "" if sent is None else sent.reason)

    def outgoing(self) -> bytes:
        """The bytes to write now."""
        return b"".join(self._frames.data_to_send())

    def send(self, message: str | bytes) -> None:
        """Queues a message, in one frame, for `outgoing`."""
        if isinstance(message, str):
            self._frames.send_text(message.encode())
        else:
            self._frames.send_binary(message)

    def ping(self, payload: bytes) -> None:
        self._frames.send_ping(payload)

    def close(self, code: int, reason: str) -> None:
        """Begins the closing handshake: queues a close frame for `outgoing`."""
        self._frames.send_close(code, reason)

    def _take(self, frame: Frame) -> None:
        data = bytes(frame.data)
        match frame.opcode:
            case Opcode.PONG:
                self._messages.pong_came(data)
            case Opcode.CLOSE:
                close = self._frames.close_rcvd
                assert close is not None
                self._messages.close_came(close.code, close.reason)
            case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                if frame.opcode is not Opcode.CONT:
                    self._is_text = frame.opcode is Opcode.TEXT
                self._fragments.append(data)
                if len(self._fragments) > self._fragment_limit:
                    self._fail(CloseCode.MESSAGE_TOO_BIG, "The message has too many fragments")
                if frame.fin:
                    message, self._fragments = b"".join(self._fragments), []
                    self._messages.message_came(self._text(message) if self._is_text else message)
            case _:
                pass  # `websockets` has queued the pong to a ping

    def _text(self, message: bytes) -> str:
        try:
            return message.decode()
        except UnicodeDecodeError:
            self._fail(CloseCode.INVALID_DATA, "Text messages are UTF-8")

    def _fail(self, code: int, reason: str) -> NoReturn:
        self._frames.fail(code, reason)
        raise SocketFailed(code, reason)
