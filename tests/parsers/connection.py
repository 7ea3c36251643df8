"""A connection to a server in this process, without a network: bytes in, bytes out."""

import asyncio
import re
from typing import Any

from tests.parsers.server import Server
from tests.waiting import PATIENCE_SECONDS
from tests.weft.transport.toy import SCHEMA, Gate, fallback
from weft.transport.cookies import CookieSessions
from weft.transport.front import Front
from weft.transport.http import GraphQLEndpoint
from weft.transport.limits import SocketLimits
from weft.transport.service import LiveService
from weft.transport.websocket import GraphQLSocket

STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n")
WRITTEN_LIMIT_BYTES = 4_000_000


class Pipe(asyncio.Transport):
    """A transport in place of a TCP connection; keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("192.0.2.1", 80), "peername": ("192.0.2.2", 50_000)})
        self.written = bytearray()
        self.protocol: Any = None
        self._closing = False
        self._ended = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self._ended
        if not self._closing:
            self.written += data
            assert len(self.written) < WRITTEN_LIMIT_BYTES

    def close(self) -> None:
        self._closing = True

    def abort(self) -> None:
        self._closing = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self._ended = True

    def is_closing(self) -> bool:
        return self._closing

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Peer:
    """A server of the toy schema, for one event loop. `talk` opens one connection to it."""

    def __init__(self) -> None:
        gate = Gate()
        live = LiveService(SCHEMA, gate, limits=SocketLimits(operations_per_second=20))
        front = Front(
            CookieSessions(GraphQLEndpoint(SCHEMA, gate, body_limit_bytes=10_000, live=live)),
            CookieSessions(GraphQLSocket(live)),
            fallback(None),
            cors_origins=("https://app.example",),
        )
        self._server = Server(front)
        self.failures: list[str] = []

    async def talk(self, *pieces: bytes) -> bytes:
        """Sends the pieces; returns all bytes of the response.

        Raises if a task fails, a connection stays open, or a status is 5xx.
        """
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.failures.append(str(context)))
        pipe = Pipe()
        protocol = self._server.new_protocol()
        pipe.protocol = protocol
        protocol.connection_made(pipe)
        for piece in pieces:
            if not pipe.is_closing():
                pipe.protocol.data_received(piece)
            for _ in range(5):
                await asyncio.sleep(0)
        pipe.close()
        pipe.protocol.connection_lost(None)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self._server.tasks:
                await asyncio.wait(set(self._server.tasks))
        failures, self.failures = self.failures, []
        assert not failures, failures
        assert not self._server.open_connections
        for status in STATUS.findall(bytes(pipe.written)):
            assert int(status) < 500, bytes(pipe.written)
        return bytes(pipe.written)
