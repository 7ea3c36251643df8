import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.sockets import Socket, connecting
from tests.waiting import PATIENCE_SECONDS
from tests.weft.transport.manual_clock import ManualClock
from tests.weft.transport.toy import Server, Witness, serving
from weft.transport.request_wire import RequestProtocol


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
    async with httpx.AsyncClient(
        timeout=PATIENCE_SECONDS, base_url=f"http://{server.address}"
    ) as http:
        http.headers.clear()
        yield http


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """That of the HTTP connections which are made during the test."""
    clock = ManualClock(asyncio.get_running_loop())
    connection_made = RequestProtocol.connection_made

    def made(protocol: RequestProtocol, transport: asyncio.Transport) -> None:
        setattr(protocol, "loop", clock)  # noqa: B010 - it is no whole event loop
        clock.connections.append(protocol)
        connection_made(protocol, transport)

    monkeypatch.setattr(RequestProtocol, "connection_made", made)
    return clock


@pytest.fixture
async def raw(server: Server) -> AsyncIterator[Socket]:
    """A socket to it that nothing was said on."""
    async with connecting(server.socket_url) as socket:
        yield socket


@pytest.fixture
async def ready(raw: Socket) -> Socket:
    """An acknowledged socket of a stranger."""
    await raw.open()
    return raw
