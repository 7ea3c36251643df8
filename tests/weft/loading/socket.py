"""A `graphql-transport-ws` client of an ASGI application in the same event loop."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Message

from tests.waiting import soon


class Socket:
    """An acknowledged socket."""

    def __init__(self) -> None:
        self.to_server: asyncio.Queue[Message] = asyncio.Queue()
        self.from_server: asyncio.Queue[Message] = asyncio.Queue()

    def send(self, message: dict[str, Any]) -> None:
        self.to_server.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    async def receive(self) -> dict[str, Any]:
        message = await soon(self.from_server.get())
        assert message["type"] == "websocket.send", message
        return json.loads(message["text"])

    def start(self, id: str, query: str, /, **variables: Any) -> None:
        """Sends an operation."""
        payload = {"query": query, "variables": variables}
        self.send({"id": id, "type": "subscribe", "payload": payload})

    async def next(self, id: str) -> dict[str, Any]:
        """Returns the next result, which must be of this operation."""
        message = await self.receive()
        assert (message["type"], message["id"]) == ("next", id), message
        return message["payload"]

    async def answer(self, id: str, query: str, /, **variables: Any) -> dict[str, Any]:
        """Sends an operation and returns its only result."""
        self.start(id, query, **variables)
        result = await self.next(id)
        assert await self.receive() == {"id": id, "type": "complete"}
        return result


@asynccontextmanager
async def connected(app: ASGIApp, token: str | None = None) -> AsyncGenerator[Socket]:
    """Opens a socket on the application's /graphql, which the client closes in the end."""
    socket = Socket()
    scope = {
        "type": "websocket",
        "path": "/graphql",
        "headers": [(b"host", b"test")],
        "subprotocols": ["graphql-transport-ws"],
        "query_string": b"",
        "client": ("127.0.0.1", 1),
    }
    serving = asyncio.ensure_future(app(scope, socket.to_server.get, _puts(socket.from_server)))
    socket.to_server.put_nowait({"type": "websocket.connect"})
    assert (await soon(socket.from_server.get()))["type"] == "websocket.accept"
    payload = {"Authorization": f"Bearer {token}"} if token else {}
    socket.send({"type": "connection_init", "payload": payload})
    assert await socket.receive() == {"type": "connection_ack"}
    try:
        yield socket
    finally:
        socket.to_server.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await soon(serving)


def _puts(queue: asyncio.Queue[Message]) -> Any:
    async def send(message: Message) -> None:
        queue.put_nowait(message)

    return send
