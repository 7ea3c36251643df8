"""The GraphQL endpoint over WebSockets: an ASGI application that speaks `graphql-transport-ws`."""

from collections.abc import Collection
from contextlib import suppress

from starlette.types import Receive, Scope, Send

from weft.errors import RateLimited
from weft.rates.budget import charge_bytes
from weft.transport.headers import address_of, headers_of
from weft.transport.limits import TooMany
from weft.transport.messages import SUBPROTOCOL, CloseCode
from weft.transport.origins import ANY, allowed_origins, is_of_host, normalised
from weft.transport.service import LiveService
from weft.transport.socket_session import SocketSession


class GraphQLSocket:
    """Serves queries, mutations and subscriptions, many at once, on each socket.

    - `cors_origins`: origins whose pages may connect, besides those of this host; `*` for all.
      Programs other than browsers send no Origin and need none.
    """

    def __init__(self, service: LiveService, *, cors_origins: Collection[str] = ()) -> None:
        self._service = service
        self._allowed = allowed_origins(cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one socket until either side closes it."""
        await receive()  # websocket.connect
        if not self._admits(headers_of(scope)):
            await _refuse(scope, send, 403)
        elif SUBPROTOCOL not in scope["subprotocols"]:
            with suppress(RateLimited):
                charge_bytes(self._service.budget, 0)
            await send({"type": "websocket.accept"})
            code = CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE
            await send({"type": "websocket.close", "code": code, "reason": f"Use {SUBPROTOCOL}"})
        else:
            try:
                with self._service.addresses.place(address_of(scope)):
                    await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
                    await SocketSession(self._service, scope, receive, send).serve()
            except TooMany as refusal:
                await _refuse(scope, send, refusal.status)

    def _admits(self, headers: dict[bytes, bytes]) -> bool:
        """Whether the socket's Origin may connect; checked here since CORS omits WebSockets."""
        origin = headers.get(b"origin", b"").decode("latin-1")
        if not origin or ANY in self._allowed or normalised(origin) in self._allowed:
            return True
        return is_of_host(origin, headers.get(b"host", b"").decode("latin-1"))


async def _refuse(scope: Scope, send: Send, status: int) -> None:
    """Answers the handshake with an HTTP status; 403 if the server cannot send another."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.http.response.start", "status": status, "headers": []})
    await send({"type": "websocket.http.response.body", "body": b""})
