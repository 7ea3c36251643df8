"""Runs the server as a separate process, by `weft serve`."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import gql
from gql.transport.websockets import WebsocketsTransport

from settings import Settings
from tests.leaks import server_log
from tests.waiting import PATIENCE_SECONDS

WEFT = Path(sys.executable).parent / "weft"


class Process:
    """A running server: its URL and its process."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.process = process
        self.url = url

    def socket(self, token: str | None = None) -> gql.Client:
        """Returns a client over graphql-transport-ws; enter it to connect."""
        credentials = {"Authorization": f"Bearer {token}"} if token else {}
        transport = WebsocketsTransport(
            url=self.url.replace("http", "ws", 1),
            init_payload=credentials,
            subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
            connect_timeout=PATIENCE_SECONDS,
            ack_timeout=PATIENCE_SECONDS,
        )
        return gql.Client(transport=transport, execute_timeout=PATIENCE_SECONDS)


def environment_of(settings: Settings) -> dict[str, str]:
    """Returns an environment in which a command uses the PostgreSQL and Redis of the settings."""
    return os.environ | {
        "ENVIRONMENT": settings.environment,
        "SECRET": settings.secret.get_secret_value(),
        "DATABASE_URL": str(settings.database_url),
        "REDIS_URL": str(settings.redis_url),
        "REDIS_PREFIX": settings.redis_prefix,
        "CACHE": settings.cache,
        "STATEMENT_TIMEOUT_MS": str(settings.statement_timeout_ms),
        "OPERATION_TIMEOUT_MS": str(settings.operation_timeout_ms),
    }


@asynccontextmanager
async def serving(settings: Settings) -> AsyncGenerator[Process]:
    """Runs `weft serve` with these settings, on a free port, until the block ends."""
    log = server_log()
    process = await asyncio.create_subprocess_exec(
        *(str(WEFT), "serve", "--port", "0"),
        env=environment_of(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
    )
    try:
        yield Process(process, await _announced_url(process, log))
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()
        log.close()


async def _announced_url(process: asyncio.subprocess.Process, log: IO[bytes]) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while line := (await process.stdout.readline()).decode():
            if found := re.search(r"http://\S+/graphql", line):
                return found[0]
    log.seek(0)
    raise RuntimeError(f"The server ended before it served:\n{log.read().decode()}")
