"""`weft serve` ends at SIGTERM, in any state of Redis and even if a part of it does not end."""

import asyncio
import signal
import sys
from pathlib import Path

import asyncpg
import httpx
import pytest

from settings import Settings
from tests.cancellation.states import REDIS_STATES, redis_in
from tests.processes import environment_of, serving
from tests.waiting import soon

WITH_A_RUNNER_THAT_DOES_NOT_END = """
import asyncio, sys
from contextlib import suppress
from weft.mail.outbox import Outbox

async def run(_):
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)

Outbox.run = run
from cli import main
sys.argv = ["weft", "serve", "--port", "0"]
main()
"""


async def serves(url: str) -> None:
    """Waits until the server has answered: from then on it handles signals."""
    async with httpx.AsyncClient() as client:
        await soon(client.get(url.replace("/graphql", "/health/live")))


class TestServe:
    @pytest.mark.parametrize("state", REDIS_STATES)
    async def test_serve_exits_with_0_in_every_state_of_redis(
        self,
        state: str,
        settings: Settings,
        connection: asyncpg.Connection,
        directory: Path,
    ) -> None:
        async with redis_in(state, directory) as url:
            used = settings.model_copy(update={"redis_url": url, "cache": "available"})
            async with serving(used) as server:
                await serves(server.url)
                server.process.send_signal(signal.SIGTERM)
                assert await soon(server.process.wait()) == 0

    async def test_serve_ends_and_logs_the_part_that_does_not_end(
        self, settings: Settings, connection: asyncpg.Connection
    ) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WITH_A_RUNNER_THAT_DOES_NOT_END),
            env=environment_of(settings)
            | {"SHUTDOWN_SECONDS": "1", "SHUTDOWN_SPREAD_SECONDS": "0"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            announced = (await soon(process.stdout.readline())).decode()
            await serves(announced.split()[-1])
            process.send_signal(signal.SIGTERM)
            _, log = await soon(process.communicate())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 1
        assert b'"event": "shutdown_unfinished"' in log
        assert b'"part": "Outbox"' in log
