"""Keep-alive pings of a WebSocket, which detect a peer that is gone without a close frame."""

import asyncio
import random
from collections.abc import Callable

PAYLOAD_BITS = 32


class KeepAlivePings:
    """Sends a ping every `seconds`; calls `lost` if it is not answered before the next is due."""

    __slots__ = ("_loop", "_lost", "_payload", "_seconds", "_send", "_timer")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        send: Callable[[bytes], None],
        lost: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._send = send
        self._lost = lost
        self._payload: bytes | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, seconds: float) -> None:
        """Starts, or restarts with another interval."""
        self.end()
        self._seconds = seconds
        self._timer = self._loop.call_later(seconds, self._due)

    def end(self) -> None:
        """Stops the pings."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def answered(self, payload: bytes) -> None:
        """Takes a pong; ignores one that does not match the last ping."""
        if payload == self._payload:
            self._payload = None

    def _due(self) -> None:
        if self._payload is not None:
            self._timer = None
            self._lost()
            return
        self._payload = random.getrandbits(PAYLOAD_BITS).to_bytes(PAYLOAD_BITS // 8, "big")
        self._send(self._payload)
        self._timer = self._loop.call_later(self._seconds, self._due)
