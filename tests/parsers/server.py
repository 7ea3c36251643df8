"""The server that is tested: the one place that knows which protocol reads its connections."""

import asyncio
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Scope
from uvicorn.server import ServerState

from weft.server.factory import protocol_factory
from weft.server.shared import ConnectionLimits, Shared
from weft.transport.exchange import exchange_of

MESSAGE_LIMIT_BYTES = 20_000


class Server:
    """One server in this process, without a network; `is_ours` false is uvicorn as it comes."""

    def __init__(self, application: ASGIApp, *, is_ours: bool = True) -> None:
        # Of this server alone: no head is known that was sent to another.
        shared = Shared(ConnectionLimits(socket_message_bytes=MESSAGE_LIMIT_BYTES))
        self._state = ServerState()
        self._config = uvicorn.Config(
            application,
            http=protocol_factory(shared) if is_ours else "httptools",
            ws="none" if is_ours else "websockets-sansio",
            ws_per_message_deflate=False,
            log_config=None,
            access_log=False,
            proxy_headers=False,
        )
        self._config.load()

    def new_protocol(self) -> Any:
        """The protocol of one connection, which shares with others what connections share."""
        made: Any = self._config.http_protocol_class
        return made(config=self._config, server_state=self._state, app_state={})

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """The applications that run."""
        return self._state.tasks

    @property
    def open_connections(self) -> int:
        """How many connections the server has not let go."""
        return len(self._state.connections)


def respond_at_once(scope: Scope, status: int, header_lines: bytes, body: bytes) -> bool:
    """Answers past ASGI, where the server has a way; False if it has to be sent by messages."""
    exchange = exchange_of(scope)
    return exchange is not None and exchange.respond(status, header_lines, body)
