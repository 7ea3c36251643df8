"""An application that records its calls, and responds according to the path.

`/early` is answered before the body is read, `/slow` some turns of the loop later, `/stream` in two
parts without a length, `/none` without a body, `/direct` past ASGI; all other paths at once.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from starlette.types import Receive, Scope, Send

from tests.parsers.reference import Request
from tests.parsers.server import respond_at_once

NUMBER = b"x-number"
SLOW_TURNS = 12
SUBPROTOCOL = "graphql-transport-ws"


@dataclass
class Call:
    """A call of the application. `is_whole`: it has read all of the body."""

    request: Request
    is_whole: bool = False
    messages: list[str | bytes] = field(default_factory=list[str | bytes])


class Recorder:
    """The application. `calls` are those since `begin`; `steps` grows while it does something."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.steps = 0

    def begin(self) -> None:
        """Forgets the calls of the last connection."""
        self.calls = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = Call(_request(scope))
        self.calls.append(call)
        number = b"%d" % len(self.calls)
        if scope["type"] == "websocket":
            await self._hold(call, receive, send, number)
        else:
            await self._answer(scope, call, receive, send, number)

    async def _answer(
        self, scope: Scope, call: Call, receive: Receive, send: Send, number: bytes
    ) -> None:
        path: str = scope["path"]
        # The scope belongs to this request: these changes must not reach another one.
        scope["path"] = scope["state"]["mark"] = "changed"
        if path == "/early":
            call.request = replace(call.request, body=None)
        elif not await self._read(call, receive):
            return
        # Read again: trailers may have been added since.
        call.request = replace(call.request, headers=tuple(scope["headers"]))
        for _ in range(SLOW_TURNS if path == "/slow" else 1):
            self.steps += 1
            await asyncio.sleep(0)
        if path != "/direct" or not _respond(scope, call.request.method, number):
            await _send(send, path, call.request.method, number)
        self.steps += 1

    async def _read(self, call: Call, receive: Receive) -> bool:
        while True:
            message = await receive()
            self.steps += 1
            if message["type"] != "http.request":
                return False
            assert call.request.body is not None
            body = call.request.body + message.get("body", b"")
            call.request = replace(call.request, body=body)
            if not message.get("more_body", False):
                call.is_whole = True
                return True

    async def _hold(self, call: Call, receive: Receive, send: Send, number: bytes) -> None:
        message = await receive()
        assert message["type"] == "websocket.connect"
        call.is_whole = True
        headers = [(NUMBER, number)]
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL, "headers": headers})
        while True:
            self.steps += 1
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            call.messages.append(message["bytes"] if text is None else text)


def _respond(scope: Scope, method: bytes, number: bytes) -> bool:
    # As the endpoint does, which does not know HEAD: the server must leave out the body.
    body = b"direct"
    lines = b"%b: %b\r\ncontent-length: %d\r\n" % (NUMBER, number, len(body))
    return respond_at_once(scope, 200, lines, body)


async def _send(send: Send, path: str, method: bytes, number: bytes) -> None:
    status, body, headers = 200, b"ok", [(NUMBER, number)]
    if path == "/none":
        status, body = 204, b""
    elif path != "/stream":
        headers.append((b"content-length", b"2"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if path == "/stream":
        await send({"type": "http.response.body", "body": b"in ", "more_body": True})
        body = b"two"
    await send({"type": "http.response.body", "body": body})


def _request(scope: Mapping[str, Any]) -> Request:
    path: str = scope["path"]
    raw_path: bytes = scope["raw_path"]
    assert path == unquote(raw_path.decode("latin-1")), (path, raw_path)
    return Request(
        kind=scope["type"],
        method=scope.get("method", "GET").encode(),
        version=scope["http_version"].encode(),
        path=raw_path,
        query=scope["query_string"],
        headers=tuple(scope["headers"]),
    )
