"""What a server may offer beyond ASGI, in a scope's `extensions`; `weft.server` does.

ASGI says each of these in messages, several for each request, and each message costs as much as a
loader does.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from starlette.types import Scope

EXCHANGE = "weft.exchange"
"""Where an HTTP request has its `Exchange`."""
STREAM = "weft.stream"
"""Where an HTTP request has its `StreamConnection`."""


class Exchange(Protocol):
    """A request whose body is taken at once, whose answer is one write, whose end is a call."""

    loop: asyncio.AbstractEventLoop
    """The event loop in which it is served."""
    is_wrapped: bool
    """Set where the messages of the answer have to be seen: then there are messages."""

    def body(self) -> bytes | None:
        """The request's body; None if some of it is still to be received."""
        ...

    def respond(self, status: int, header_lines: bytes, body: bytes) -> bool:
        """Writes the whole answer; False if it has to be sent by messages.

        The length, where there has to be one, stands in the lines.
        """
        ...

    def watch(self, gone: Callable[[], None]) -> None:
        """Calls `gone` when the client goes, at once if it has gone; until `unwatch`."""
        ...

    def unwatch(self) -> None:
        """Ends `watch`."""
        ...


class StreamConnection(Protocol):
    """The connection of an answer that has no end."""

    on_shutdown: Callable[[], None] | None
    """Called when the server stops, within `shutdown_spread_seconds`."""
    shutdown_spread_seconds: float

    def cut(self) -> None:
        """Drops the connection and all that waits to be sent."""
        ...


def exchange_of(scope: Scope) -> Exchange | None:
    """The request's exchange, where the server has them."""
    extensions: dict[str, Any] = scope.get("extensions", {})
    return extensions.get(EXCHANGE)
