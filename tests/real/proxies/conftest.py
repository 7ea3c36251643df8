"""A server process, the proxies in front of it, honest clients and a stranger."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import asyncpg
import pytest

from settings import Settings
from tests.processes import Process, serving
from tests.real.proxies.proxies import UPGRADE_AS_ASKED, haproxy, nginx
from tests.real.proxies.site import Person, Site, address_of, signed_up

Way: TypeAlias = Callable[[Path, str], AbstractAsyncContextManager[str]]

PROXIES: dict[str, Way] = {
    "nginx": nginx,
    "nginx, streaming": partial(nginx, connection=UPGRADE_AS_ASKED, buffering="off"),
    "HAProxy": haproxy,
}
DIRECTLY = "directly"


@pytest.fixture(scope="module")
async def process(settings: Settings) -> AsyncIterator[Process]:
    async with serving(settings) as process:
        yield process


@pytest.fixture(scope="module")
async def stranger(process: Process) -> Person:
    return await signed_up(process, "Mallory")


@pytest.fixture(scope="module")
async def honest(process: Process) -> list[Person]:
    return [await signed_up(process, name) for name in ("Ada", "Grace")]


@pytest.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
async def direct(
    process: Process, honest: list[Person], stranger: Person, database: asyncpg.Connection
) -> Site:
    """The server, reached without a proxy."""
    return Site(address_of(process), process, honest, stranger, database)


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory for the files of a proxy."""
    with TemporaryDirectory(prefix="weft-proxy-") as name:
        yield Path(name)


@pytest.fixture(scope="module", params=PROXIES)
async def proxied(request: pytest.FixtureRequest, direct: Site) -> AsyncIterator[Site]:
    """The server behind each proxy."""
    async with behind(PROXIES[request.param], direct) as site:
        yield site


@pytest.fixture(scope="module", params=[DIRECTLY, *PROXIES])
async def site(request: pytest.FixtureRequest, direct: Site) -> AsyncIterator[Site]:
    """The server, reached directly and behind each proxy."""
    if request.param == DIRECTLY:
        yield direct
    else:
        async with behind(PROXIES[request.param], direct) as site:
            yield site


@asynccontextmanager
async def behind(proxy: Way, direct: Site) -> AsyncGenerator[Site]:
    """Gives the server behind this proxy, until the block ends."""
    with TemporaryDirectory(prefix="weft-proxy-") as directory:
        async with proxy(Path(directory), direct.address) as address:
            yield direct.behind(address)
