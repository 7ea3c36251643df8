"""Drops connections whose clients do not read what is sent to them."""

import asyncio

from weft.server.unsent import UnsentAnswers

LINGER_SECONDS = 2.0
"""How long the server still reads from a client after the last response."""
STALL_SECONDS = 30.0
"""How often a client that is slow to read is checked."""
SLOWEST_BYTES = 15_000
"""What it must have read since the last check, or else its connection is dropped."""


class ReaderWatch:
    """Checks one connection while bytes wait to be sent on it."""

    __slots__ = ("_address", "_loop", "_timer", "_transport", "_unsent")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        unsent: UnsentAnswers,
        address: str | None,
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._unsent = unsent
        self._address = address
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_watching(self) -> bool:
        """Whether bytes wait for the client, so that it is checked."""
        return self._timer is not None

    def begin(self) -> None:
        """Starts the checks if any bytes wait; they stop when none do."""
        waiting_bytes = self._transport.get_write_buffer_size()
        if waiting_bytes and self._timer is None:
            self._timer = self._loop.call_later(STALL_SECONDS, self._look, waiting_bytes)
            self._unsent.hold(self, self._address, waiting_bytes)

    def end(self) -> None:
        """Stops the checks."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._unsent.release(self)

    def cut(self) -> None:
        """Drops the connection and all bytes that wait to be sent."""
        self._transport.abort()

    def close(self, *, lingers: bool) -> None:
        """Closes the connection once all bytes are sent.

        A client that is still sending could lose the part of the response that it has not read yet
        (RFC 9112, 9.6). With `lingers` only this side is closed at first, and the other side is
        read for LINGER_SECONDS.
        """
        if lingers and self._transport.can_write_eof():
            self._transport.write_eof()
            self._loop.call_later(LINGER_SECONDS, self._close)
            self.begin()
        else:
            self._close()

    def _close(self) -> None:
        self._transport.close()
        self.begin()

    def _look(self, before_bytes: int) -> None:
        self._timer = None
        if self._transport.get_write_buffer_size() > before_bytes - SLOWEST_BYTES:
            self.cut()
        else:
            self.begin()
