"""Redis, PostgreSQL and a mail server in every state in which their clients retry."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import redis.asyncio

from tests.smtp import postbox
from tests.weft.changes.site import RedisServer

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

COMMAND = re.compile(rb"(?:\A|\r\n)\*\d+\r\n")
LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"

REDIS_STATES = ("well", "gone", "refusing", "no such database", "no password", "loading", "silent")
POSTGRESQL_STATES = ("well", "gone", "refusing", "no such database", "silent")
SMTP_STATES = ("well", "gone", "refusing", "busy", "silent")


async def _refuses(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    pass


async def _is_silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    while await reader.read(65_536):
        pass


async def _loads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers as a Redis that loads its data for ever; in a real one this state lasts moments."""
    while received := await reader.read(65_536):
        writer.write(LOADING * len(COMMAND.findall(received)))


async def _is_busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers as a mail server that tells its clients to retry later."""
    writer.write(b"220 test\r\n")
    while await reader.readline():
        writer.write(b"451 busy\r\n")


SERVES: dict[str, Serve] = {
    "refusing": _refuses,
    "silent": _is_silent,
    "loading": _loads,
    "busy": _is_busy,
}


@asynccontextmanager
async def _listening(state: str, path: Path | None = None) -> AsyncGenerator[str]:
    """Serves on a Unix socket at `path`, or without it on a TCP port; yields the address."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(ConnectionError):
            await SERVES[state](reader, writer)
        writer.close()

    if path is not None:
        server, address = await asyncio.start_unix_server(serve, path), str(path)
    else:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield address
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await server.wait_closed()


@asynccontextmanager
async def redis_in(state: str, directory: Path) -> AsyncGenerator[str]:
    """Yields the URL of a Redis in this state; it has one database."""
    socket = directory / "r.sock"
    if state == "gone":
        yield f"unix://{socket}"
    elif state in SERVES:
        async with _listening(state, socket) as address:
            yield f"unix://{address}"
    else:
        server = RedisServer(socket, "--databases", "1")
        await server.start()
        try:
            if state == "no password":
                async with redis.asyncio.from_url(server.url) as client:
                    await client.config_set("requirepass", "a password")
            yield f"{server.url}?db=1" if state == "no such database" else server.url
        finally:
            await server.kill()


@asynccontextmanager
async def postgresql_in(state: str, directory: Path, well: str) -> AsyncGenerator[str]:
    """Yields the DSN of a PostgreSQL in this state; `well` is the DSN of the test's own."""
    if state in SERVES:
        async with _listening(state, directory / ".s.PGSQL.5432"):
            yield f"postgresql://weft@/weft?host={directory}"
    elif state == "gone":
        yield f"postgresql://weft@/weft?host={directory}"
    elif state == "no such database":
        yield well.replace("/weft?", "/nothing?", 1)
    else:
        yield well


@asynccontextmanager
async def smtp_in(state: str) -> AsyncGenerator[str]:
    """Yields the URL of a mail server in this state."""
    if state == "well":
        async with postbox() as box:
            yield box.url
    elif state == "gone":
        async with _listening("refusing") as address:
            pass
        yield f"smtp://{address}"
    else:
        async with _listening(state) as address:
            yield f"smtp://{address}"
