"""An application that answers with the body of the request, and records its requests."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send

from tests.sockets import address_of, listening
from weft.server.shared import Shared


@dataclass
class Echo:
    """Answers `/held` once `let` is set, and `/early` without reading the body."""

    asked: list[tuple[str, str, bytes]] = field(default_factory=list[tuple[str, str, bytes]])
    headers: list[dict[bytes, bytes]] = field(default_factory=list[dict[bytes, bytes]])
    let: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", scope["path"] != "/early"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone.set()
                return
            body += message["body"]
            more = message["more_body"]
        self.asked.append((scope["method"], scope["path"], body))
        self.headers.append(dict(scope["headers"]))
        if scope["path"] == "/held":
            await self.let.wait()
        headers = [(b"content-length", b"%d" % len(body)), (b"x-path", scope["path"].encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def echoing(shared: Shared | None = None) -> AsyncGenerator[tuple[Echo, str]]:
    """A server of an `Echo`: the application and the address of the server."""
    echo = Echo()
    async with listening(echo, shared=shared) as server:
        yield echo, address_of(server)
