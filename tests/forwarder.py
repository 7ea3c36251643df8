"""A network that can go silent: TCP in front of the Unix socket of a server."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

CHUNK_BYTES = 65_536


@dataclass(eq=False)
class Way:
    """One direction of all connections; while it is not open, sent data waits."""

    is_open: bool = True
    needle: bytes | None = None
    """The network goes silent at the piece of data that contains this."""
    is_needle_sent: bool = False
    """Whether that piece is still delivered."""
    bytes_left: int | None = None
    """The network goes silent after so many more bytes."""
    held: int = 0
    """The number of pieces read in this direction."""


@dataclass(eq=False)
class Line:
    """One connection; once cut, it delivers nothing more, and is not closed either."""

    writers: list[asyncio.StreamWriter] = field(default_factory=list[asyncio.StreamWriter])
    is_cut: bool = False


class Forwarder:
    """Forwards connections until it goes silent; then it closes none and still accepts new ones."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._changed = asyncio.Condition()
        self._lines: set[Line] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.to_server, self.to_client = Way(), Way()
        self.accepted = 0
        """The number of connections accepted so far."""
        self.port = 0

    def silence(self) -> None:
        """Stops forwarding in both directions."""
        self.to_server, self.to_client = Way(is_open=False), Way(is_open=False)

    async def mend(self, *, keep: bool = False) -> None:
        """Forwards again: with `keep` also on old connections, otherwise only on new ones."""
        for line in self._lines:
            line.is_cut = line.is_cut or not keep
        self.to_server, self.to_client = Way(), Way()
        async with self._changed:
            self._changed.notify_all()

    @property
    def is_silent(self) -> bool:
        """Whether at least one direction is silent."""
        return not (self.to_server.is_open and self.to_client.is_open)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Starts to forward a client's connection."""
        self.accepted += 1
        self._tasks.add(asyncio.create_task(self._connect(reader, writer)))

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line([writer])
        self._lines.add(line)
        await self._open(line, to_server=True)
        try:
            server_reader, server_writer = await asyncio.open_unix_connection(self._socket)
        except OSError:  # the server is down: the client's connection is closed
            writer.close()
            return
        line.writers.append(server_writer)
        for source, target, to_server in (
            (reader, server_writer, True),
            (server_reader, writer, False),
        ):
            task = asyncio.create_task(self._forward(line, source, target, to_server=to_server))
            self._tasks.add(task)

    async def _open(self, line: Line, *, to_server: bool) -> None:
        async with self._changed:
            await self._changed.wait_for(
                lambda: not line.is_cut and self._way(to_server=to_server).is_open
            )

    def _way(self, *, to_server: bool) -> Way:
        return self.to_server if to_server else self.to_client

    async def _forward(
        self,
        line: Line,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        *,
        to_server: bool,
    ) -> None:
        with suppress(OSError):
            while data := await source.read(CHUNK_BYTES):
                self._way(to_server=to_server).held += 1
                await self._open(line, to_server=to_server)
                target.write(self._passing(data, self._way(to_server=to_server)))
            await self._open(
                line, to_server=to_server
            )  # a silent network does not deliver the end either
        target.close()

    def _passing(self, data: bytes, way: Way) -> bytes:
        """Returns the data still delivered; silences the network at `needle` or `bytes_left`."""
        if way.needle is not None and way.needle in data:
            self.silence()
            return data if way.is_needle_sent else b""
        if way.bytes_left is not None:
            way.bytes_left -= len(data)
            if way.bytes_left <= 0:
                self.silence()
                return data[: len(data) + way.bytes_left]
        return data

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for line in self._lines:
            for writer in line.writers:
                writer.transport.abort()


@asynccontextmanager
async def forwarding(socket: Path) -> AsyncGenerator[Forwarder]:
    """Runs a forwarder in front of a Unix socket; it listens on `port` of 127.0.0.1."""
    forwarder = Forwarder(socket)
    server = await asyncio.start_server(forwarder.accept, "127.0.0.1", 0)
    forwarder.port = server.sockets[0].getsockname()[1]
    try:
        yield forwarder
    finally:
        server.close()
        await forwarder.aclose()


def postgresql_socket(database_url: str) -> Path:
    """Returns the socket of a server whose URL names the folder of the socket."""
    return Path(parse_qs(urlsplit(database_url).query)["host"][0]) / ".s.PGSQL.5432"


def redis_socket(redis_url: str) -> Path:
    return Path(unquote(urlsplit(redis_url).path))


def through(forwarder: Forwarder, database_url: str) -> str:
    """Returns the URL of the same database through the forwarder."""
    parts = urlsplit(database_url)
    user, _, _ = parts.netloc.partition("@")
    return f"{parts.scheme}://{user}@127.0.0.1:{forwarder.port}{parts.path}"
