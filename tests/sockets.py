"""Real sockets to a server in this process, and clients that give every message unchanged."""

import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.waiting import PATIENCE_SECONDS, soon
from weft.server.factory import protocol_factory
from weft.server.shared import ConnectionLimits, Shared

TRANSPORT_WS = Subprotocol("graphql-transport-ws")


class Socket:
    """A client of `graphql-transport-ws`."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, type_: str, **message: Any) -> None:
        await self.connection.send(json.dumps({"type": type_, **message}))

    async def subscribe(self, id_: str, query: str, **payload: Any) -> None:
        await self.send("subscribe", id=id_, payload={"query": query, **payload})

    async def receive(self) -> dict[str, Any]:
        return json.loads(await soon(self.connection.recv()))

    async def open(self, **payload: Any) -> None:
        await self.send("connection_init", payload=payload)
        assert await self.receive() == {"type": "connection_ack"}

    async def ping(self, **payload: Any) -> None:
        """Sends a ping; waits until the server has read everything sent before."""
        await self.send("ping", **({"payload": payload} if payload else {}))
        assert (await self.receive())["type"] == "pong"

    async def closed(self) -> tuple[int | None, str]:
        """Reads until the server closes; returns the close code and reason."""
        with suppress(ConnectionClosed):
            while True:
                await self.receive()
        return self.connection.close_code, self.connection.close_reason or ""


@asynccontextmanager
async def connecting(url: str, **options: Any) -> AsyncGenerator[Socket]:
    """Opens a socket without sending anything. It can close with unread messages without a wait."""
    options = {"max_queue": None, "open_timeout": PATIENCE_SECONDS, "ping_interval": None} | options
    async with connect(url, subprotocols=[TRANSPORT_WS], proxy=None, **options) as connection:
        yield Socket(connection)


@asynccontextmanager
async def listening(
    app: ASGIApp, *, direct: bool = True, shared: Shared | None = None
) -> AsyncGenerator[uvicorn.Server]:
    """Runs uvicorn in this event loop; with `direct=False`, its own protocols instead of ours."""
    shared = shared or Shared(ConnectionLimits(keep_alive_seconds=PATIENCE_SECONDS))
    listener = socket.create_server(("127.0.0.1", 0))
    # As uvloop does for `weft serve`. Without it a response in two writes takes 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
    config = uvicorn.Config(
        app,
        log_level="critical",
        http=protocol_factory(shared) if direct else "httptools",
        ws="none" if direct else "websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        reset_contextvars=True,
        timeout_keep_alive=int(PATIENCE_SECONDS),
    )
    config.load()
    server = uvicorn.Server(config)
    # Without uvicorn's main loop, which takes over signals and costs tenths of a second.
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        yield server
    finally:
        server.force_exit = True
        await server.shutdown(sockets=[listener])


def address_of(server: uvicorn.Server) -> str:
    """Returns `host:port`."""
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    return f"{host}:{port}"
