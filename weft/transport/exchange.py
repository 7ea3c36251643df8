"""Shortcuts past ASGI that a server may offer in a scope's `extensions`; `weft.server` does.

ASGI does each of these by messages, several for each request, and each message costs as much as a
loader does.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from starlette.types import Scope

EXCHANGE = "weft.exchange"
"""The extension that holds an HTTP request's `Exchange`."""
STREAM = "weft.stream"
"""The extension that holds an HTTP request's `StreamConnection`."""


class Exchange(Protocol):
    """A request with its body in one call, its response in one write, and a disconnect callback."""

    loop: asyncio.AbstractEventLoop
    """The event loop that serves the request."""
    is_wrapped: bool
    """Set where middleware must see the response's messages: `respond` then returns False."""

    def body(self) -> bytes | None:
        """The request's body; None if part of it has yet to arrive."""
        ...

    def respond(self, status: int, header_lines: bytes, body: bytes) -> bool:
        """Writes the whole response; False if it has to be sent as ASGI messages instead.

        `header_lines` include Content-Length, where the status has one.
        """
        ...

    def watch(self, gone: Callable[[], None]) -> None:
        """Calls `gone` when the client disconnects, at once if it has; until `unwatch`."""
        ...

    def unwatch(self) -> None:
        """Ends `watch`."""
        ...


class StreamConnection(Protocol):
    """The connection of a response without a foreseeable end."""

    on_shutdown: Callable[[], None] | None
    """Called when the server stops, within `shutdown_spread_seconds`."""
    shutdown_spread_seconds: float

    def cut(self) -> None:
        """Drops the connection and all bytes that wait to be sent."""
        ...


def exchange_of(scope: Scope) -> Exchange | None:
    """The request's exchange; None if the server offers none."""
    extensions: dict[str, Any] = scope.get("extensions", {})
    return extensions.get(EXCHANGE)
