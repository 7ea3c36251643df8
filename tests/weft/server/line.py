"""A client's end of one connection, for tests that write raw bytes."""

import asyncio
import re
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from tests.waiting import soon

LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n")


class Line:
    """The client's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> bytes:
        """The next whole response; empty if the connection is closed."""
        try:
            head = await soon(self.reader.readuntil(b"\r\n\r\n"))
            length = LENGTH.search(head)
            return head + await soon(self.reader.readexactly(int(length[1]) if length else 0))
        except (ConnectionError, asyncio.IncompleteReadError):
            return b""

    async def says(self, data: bytes) -> bytes:
        """Sends these bytes; returns the next response."""
        self.writer.write(data)
        return await self.answer()


@asynccontextmanager
async def line(address: str, *, receive_bytes: int | None = None) -> AsyncGenerator[Line]:
    """A connection to this host and port; the system buffers `receive_bytes` at most."""
    host, port = address.split(":")
    own = socket.socket()
    if receive_bytes is not None:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    own.setblocking(False)
    await asyncio.get_running_loop().sock_connect(own, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=own, limit=65_536)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()
