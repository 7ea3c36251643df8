"""The server under test: the only place that chooses the protocol class of its connections."""

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
    """A server in this process, without a network; unmodified uvicorn unless `is_ours`."""

    def __init__(self, application: ASGIApp, *, is_ours: bool = True) -> None:
        # Not shared with other servers: heads sent to them must not be known here.
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
        """Creates the protocol of one connection, with the state shared by this server."""
        made: Any = self._config.http_protocol_class
        return made(config=self._config, server_state=self._state, app_state={})

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """The running tasks of the application."""
        return self._state.tasks

    @property
    def open_connections(self) -> int:
        """The number of connections that the server still holds."""
        return len(self._state.connections)


def respond_at_once(scope: Scope, status: int, header_lines: bytes, body: bytes) -> bool:
    """Responds past ASGI if the server can; False if the response must be sent by ASGI messages."""
    exchange = exchange_of(scope)
    return exchange is not None and exchange.respond(status, header_lines, body)
