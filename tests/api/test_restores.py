"""Restores under running servers: subscribers continue, or get CURSOR_EXPIRED for undone events."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from tests.leaks import SERVERS_DIRECTORY
from tests.live import change, joined
from tests.long.faults.site import Site, running_site
from tests.long.faults.subscribers import CURSORS
from tests.sockets import Socket, connecting
from tests.waiting import until
from tests.weft.changes.site import Database
from weft.changes.change import Point
from weft.embedded.binaries import postgresql_binaries

CHANGES = "subscription ($after: String) { itemChanged(after: $after) { item { title } cursor } }"
NEW = 10
PASSED = """
SELECT FROM changes HAVING max(position) > $1 AND count(*) FILTER (WHERE position IS NULL) = 0
"""


@asynccontextmanager
async def cold_copy(site: Site, directory: Path) -> AsyncGenerator[None]:
    """Copies the files of a stopped PostgreSQL; puts them back at the end of the block."""
    copy = directory / "copy"
    async with site.without_database() as data:
        await run("cp", "-a", data, copy)
    yield
    async with site.without_database() as data:
        await asyncio.to_thread(shutil.rmtree, data)
        await run("mv", copy, data)


@asynccontextmanager
async def dump(site: Site, directory: Path) -> AsyncGenerator[None]:
    """Takes a dump; restores it into a new database of the same name after the block."""
    await take_dump(site, directory)
    yield
    server = site.database.dsn.replace("/weft?", "/postgres?", 1)
    for sql in ("DROP DATABASE weft WITH (FORCE)", "CREATE DATABASE weft"):
        await run(postgresql_binaries() / "psql", "-q", "-c", sql, server)
    await restore_dump(site, directory)


@asynccontextmanager
async def dump_in_place(site: Site, directory: Path) -> AsyncGenerator[None]:
    """Takes a dump; replaces the tables with it after the block, while servers are connected."""
    await take_dump(site, directory, "--clean", "--if-exists")
    yield
    await restore_dump(site, directory)


async def take_dump(site: Site, directory: Path, *options: str) -> None:
    program, file = postgresql_binaries() / "pg_dump", directory / "dump.sql"
    await run(program, *options, "--file", file, site.database.dsn)


async def restore_dump(site: Site, directory: Path) -> None:
    program, file = postgresql_binaries() / "psql", directory / "dump.sql"
    await run(program, "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", file, site.database.dsn)


async def run(program: str | Path, *arguments: str | Path) -> None:
    process = await asyncio.create_subprocess_exec(
        program, *arguments, stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    # Not in a pytest directory: another run may lock that one for the account of PostgreSQL.
    with tempfile.TemporaryDirectory(dir=os.environ[SERVERS_DIRECTORY]) as directory:
        async with running_site(Path(directory), servers=2) as site:
            await site.ready()
            yield site


async def add(site: Site, owner: int, *titles: str) -> None:
    await site.database.run(
        "INSERT INTO items (owner_id, title, status) SELECT $1, title, 'PUBLISHED' "
        "FROM unnest($2::text[]) WITH ORDINALITY AS t (title, place) ORDER BY place",
        owner,
        list(titles),
    )


@asynccontextmanager
async def subscribed(url: str, after: str | None = None) -> AsyncGenerator[Socket]:
    async with connecting(url.replace("http", "ws", 1)) as socket:
        await socket.open()
        await socket.subscribe("1", CHANGES, variables={"after": after})
        if after is None:
            await joined(socket)
        yield socket


async def points(site: Site, position: int) -> list[Point]:
    """Returns the NEW points of the log that follow the position."""
    database = Database(site.database.dsn)
    return [await database.point(place) for place in range(position + 1, position + NEW + 1)]


async def code_of(socket: Socket) -> str:
    message = await socket.receive()
    assert message["type"] == "error", message
    return message["payload"][0]["extensions"]["code"]


async def test_subscribers_of_undone_changes_get_an_error_and_others_lose_nothing(
    site: Site, tmp_path: Path
) -> None:
    owner, _ = await site.user("Ada")
    for copy in (cold_copy, dump, dump_in_place):
        directory = tmp_path / copy.__name__
        directory.mkdir()
        await check(site, owner, copy(site, directory))


async def check(site: Site, owner: int, restored: AbstractAsyncContextManager[None]) -> None:
    frozen, other = site.servers
    async with subscribed(frozen.url) as live, subscribed(other.url) as scout:
        await add(site, owner, "kept")
        kept = await change(scout)
        assert kept["item"]["title"] == (await change(live))["item"]["title"] == "kept"
        async with restored:
            await add(site, owner, "undone 1", "undone 2", "undone 3")
            undone = [await change(scout) for _ in range(3)]
            assert [(await change(live))["item"]["title"] for _ in range(3)][-1] == "undone 3"
            [last] = await site.database.run("SELECT max(position) FROM changes")
            # It reads the log again only when that is far past the last position that it has seen.
            assert frozen.process is not None
            frozen.process.send_signal(signal.SIGSTOP)
        try:
            for number in range(NEW):
                await add(site, owner, f"new {number}")
            await until(lambda: site.database.run(PASSED, last[0]))
            log = await points(site, CURSORS.decode(kept["cursor"]).position)
        finally:
            frozen.process.send_signal(signal.SIGCONT)

        assert await code_of(live) == "CURSOR_EXPIRED"
        for server in site.servers:
            for lost in undone:
                async with subscribed(server.url, lost["cursor"]) as refused:
                    assert await code_of(refused) == "CURSOR_EXPIRED"
            async with subscribed(server.url, kept["cursor"]) as survivor:
                told = [await change(survivor) for _ in range(NEW)]
            assert [CURSORS.decode(one["cursor"]) for one in told] == log
            titles = [one["item"]["title"] for one in told]
            assert titles == [f"new {number}" for number in range(NEW)]
