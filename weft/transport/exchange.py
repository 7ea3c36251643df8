"""A request on uvicorn's own wire: its body at once, its answer in one write, its end by a call.

ASGI says all that in messages, several for each request, and each of them costs as much as a loader
does. Whoever finds an `Exchange` in the scope may do without; under other servers there is none.
"""

from collections.abc import Callable
from typing import Any, Protocol

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from weft.transport.headers import lines_of

EXCHANGE = "weft.exchange"


class Wire(Protocol):
    """What an exchange needs of its connection; `gone` is called when it is lost."""

    gone: Callable[[], None] | None


class Exchange:
    """One request and its answer. `is_wrapped`: somebody wants to see the answer's messages."""

    __slots__ = ("_cycle", "_wire", "is_wrapped")

    def __init__(self, wire: Wire, cycle: RequestResponseCycle) -> None:
        self._wire = wire
        self._cycle = cycle
        self.is_wrapped = False

    def body(self) -> bytes | None:
        """The request's body; None if some of it is still to be received."""
        cycle = self._cycle
        return None if cycle.more_body else bytes(cycle.body)

    def respond(self, status: int, header_lines: bytes, body: bytes) -> bool:
        """Writes the whole answer; False if it has to be sent by messages.

        The length, where there has to be one, stands in the lines.
        """
        cycle = self._cycle
        if self.is_wrapped or cycle.flow.write_paused or cycle.response_started:
            return False
        if cycle.disconnected:
            return True
        end = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
        defaults = lines_of(cycle.default_headers)
        cycle.transport.write(b"".join((STATUS_LINE[status], defaults, header_lines, end, body)))
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True

    def watch(self, gone: Callable[[], None]) -> None:
        """Calls `gone` when the client goes, at once if it has gone; until `unwatch`."""
        self._wire.gone = gone
        if self._cycle.disconnected:
            gone()

    def unwatch(self) -> None:
        self._wire.gone = None

    def end(self) -> None:
        """Lets go of the request, which knows its exchange: no circle is left to be collected."""
        del self._cycle


def exchange_of(scope: Scope) -> Exchange | None:
    """The request's exchange, where the server has them."""
    extensions: dict[str, Any] = scope.get("extensions", {})
    return extensions.get(EXCHANGE)
