from collections.abc import AsyncIterator

import httpx
import pytest

from tests.sockets import Socket, connecting
from tests.waiting import PATIENCE_SECONDS
from tests.weft.transport.toy import Server, Witness, serving


@pytest.fixture(scope="session")
async def one_server() -> AsyncIterator[Server]:
    """The server that tests without settings of their own share."""
    async with serving() as running:
        yield running


@pytest.fixture
def server(one_server: Server) -> Server:
    """A server of the toy schema, with a new witness for each test."""
    one_server.gate.witness = Witness()
    return one_server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that server, which adds no headers."""
    async with httpx.AsyncClient(
        timeout=PATIENCE_SECONDS, base_url=f"http://{server.address}"
    ) as http:
        http.headers.clear()
        yield http


@pytest.fixture
async def raw(server: Server) -> AsyncIterator[Socket]:
    """A socket to it on which no message was sent."""
    async with connecting(server.socket_url) as socket:
        yield socket


@pytest.fixture
async def ready(raw: Socket) -> Socket:
    """An acknowledged socket of an anonymous viewer."""
    await raw.open()
    return raw
