from collections.abc import AsyncIterator

import httpx
import pytest

from tests.weft.transport.toy import Server, Witness, serving


@pytest.fixture(scope="session")
async def one_server() -> AsyncIterator[Server]:
    """The server that all tests share which ask for nothing special."""
    async with serving() as running:
        yield running


@pytest.fixture
def server(one_server: Server) -> Server:
    """A server of the toy schema, and a witness of this test's own."""
    one_server.gate.witness = Witness()
    return one_server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that server, without headers of its own."""
    async with httpx.AsyncClient(base_url=f"http://{server.address}") as http:
        http.headers.clear()
        yield http
