"""The GraphQL endpoint over WebSockets: an ASGI application that speaks `graphql-transport-ws`."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from starlette.types import Receive, Scope, Send

from weft.execution.schema import Schema
from weft.transport.connection import Connection, Service, SocketLimits
from weft.transport.gate import Gate
from weft.transport.headers import headers_of
from weft.transport.messages import SUBPROTOCOL, CloseCode


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


class GraphQLSocket:
    """Serves queries, mutations and subscriptions, many at once, on each socket.

    - `cors_origins`: origins whose pages may connect, besides those of this very host; `*` for all.
      Programs that are no browsers send no Origin and are not asked for one.
    - `operation_timeout_ms`: how long a query or a mutation may run.
    """

    def __init__(
        self,
        schema: Schema,
        gate: Gate[Any],
        *,
        cors_origins: Collection[str] = (),
        operation_timeout_ms: int = 10_000,
        limits: SocketLimits | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._service = Service(
            schema.engine, gate, operation_timeout_ms / 1000, limits or SocketLimits(), clock
        )
        self._cors_origins = frozenset(cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one socket until either side closes it."""
        await receive()  # websocket.connect
        if not self._admits(headers_of(scope)):
            await send({"type": "websocket.close"})  # before it was accepted: HTTP 403
        elif SUBPROTOCOL not in scope["subprotocols"]:
            await send({"type": "websocket.accept"})
            code = CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE
            await send({"type": "websocket.close", "code": code, "reason": f"Use {SUBPROTOCOL}"})
        else:
            await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
            await Connection(self._service, scope, receive, send).serve()

    def _admits(self, headers: dict[bytes, bytes]) -> bool:
        """Whether the page that opened the socket may: CORS does not cover WebSockets."""
        origin = headers.get(b"origin", b"").decode("latin-1")
        if not origin or origin in self._cors_origins or "*" in self._cors_origins:
            return True
        return (
            urlsplit(origin).netloc.lower() == headers.get(b"host", b"").decode("latin-1").lower()
        )
