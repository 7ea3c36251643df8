"""Finds out whether a mixed load leaks memory, connections, tasks or futures.

    .venv/bin/python -m bench.soak --minutes 10

runs the server in this process over temporary embedded servers, loads it from a second process, and
attacks it from a third, by each of `bench.attacks` in turn. Prints the numbers every half minute,
and once more half a minute after the load has ended. The memory of rows is small, so that it is
soon full and later growth is a leak; `--row-memory-bytes` makes it larger.
"""

import argparse
import asyncio
import gc
import multiprocessing
import os
import socket
import tempfile
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import asyncpg
import psutil
import uvicorn
import uvloop

from app import create_app
from bench.attacks import ATTACKS, find_target
from bench.soak_load import load
from db.seed import seed
from serving import collect_garbage_in_small_parts, collect_garbage_less_often
from settings import Settings
from weft.embedded import embedded_servers
from weft.postgres.migration import upgrade
from weft.server.factory import protocol_factory
from weft.server.shared import Shared

SAMPLE_SECONDS = 30
QUIET_SECONDS = 30
ATTACK_SECONDS = 5
MEBIBYTE = 1_048_576


def work(url: str, seconds: float) -> None:
    """Runs the load in its own process, and prints its counts."""
    done = asyncio.run(load(url, seconds))
    print(f"{done.requests:,} requests, {done.events:,} events")


def attack(url: str, seconds: float) -> None:
    """Runs each attack for a while, in turns, in its own process."""
    os.nice(10)
    asyncio.run(_attack(url, seconds))


async def _attack(url: str, seconds: float) -> None:
    target = await find_target(url)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            for begin in cycle(ATTACKS.values()):
                with suppress(TimeoutError):
                    async with asyncio.timeout(ATTACK_SECONDS):
                        await begin(target)


async def tell(name: str, dsn: str) -> None:
    """Prints one line: memory, tasks, futures, connections to PostgreSQL and open files."""
    connection = await asyncpg.connect(dsn)
    connections = await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'weft%'"
    )
    await connection.close()
    process = psutil.Process()
    futures = sum(isinstance(thing, asyncio.Future) for thing in gc.get_objects())
    print(
        f"{name:>8}  {process.memory_info().rss / MEBIBYTE:6.1f} MiB  "
        f"{len(asyncio.all_tasks()):4} tasks  {futures:5} futures  "
        f"{connections:3} connections to PostgreSQL  {process.num_fds():4} files",
        flush=True,
    )


async def soak(settings: Settings, minutes: float) -> None:
    """Serves under the load of both processes, and prints samples."""
    dsn = str(settings.database_url).replace("+asyncpg", "", 1)
    await seed(dsn, users=1_000, items=20_000, seed=7, accounts=True)
    app = create_app(settings, on_loopback=True)
    collect_garbage_in_small_parts()
    config = uvicorn.Config(
        app,
        http=protocol_factory(Shared()),
        ws="none",
        log_config=None,
        access_log=False,
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.1)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/graphql"
    await tell("begin", dsn)
    processes = [
        multiprocessing.get_context("spawn").Process(target=one, args=(url, 60 * minutes))
        for one in (work, attack)
    ]
    for process in processes:
        process.start()
    seconds = 0
    while any(process.is_alive() for process in processes):
        await asyncio.sleep(SAMPLE_SECONDS)
        seconds += SAMPLE_SECONDS
        await tell(f"{seconds} s", dsn)
    await asyncio.sleep(QUIET_SECONDS)
    gc.collect()
    await tell("quiet", dsn)
    server.should_exit = True
    await serving


def main() -> None:
    """Runs the command line, with temporary servers of PostgreSQL and Redis."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--row-memory-bytes", type=int, default=4 * MEBIBYTE)
    arguments = parser.parse_args()
    collect_garbage_less_often()
    with tempfile.TemporaryDirectory() as directory, embedded_servers(Path(directory)) as servers:
        settings = Settings(
            database_url=servers.database_url,
            redis_url=servers.redis_url,
            row_memory_bytes=arguments.row_memory_bytes,
            trusted_proxies=["127.0.0.1"],
        )
        upgrade(servers.database_url)
        uvloop.run(soak(settings, arguments.minutes))


if __name__ == "__main__":
    main()
