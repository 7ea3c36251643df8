"""The queue of a socket's events for its application: one for each iteration of the event loop."""

import asyncio
from collections import deque
from collections.abc import Callable

from starlette.types import Message


class Inbox:
    """A queue of ASGI events; the first is `websocket.connect`."""

    __slots__ = ("_arrived", "_disconnect", "_emptied", "_messages")

    def __init__(self, emptied: Callable[[], None]) -> None:
        """`emptied` is called when the last message is taken."""
        self._emptied = emptied
        self._messages: deque[Message] = deque([{"type": "websocket.connect"}])
        self._arrived = asyncio.Event()
        self._disconnect: Message | None = None

    @property
    def is_empty(self) -> bool:
        return not self._messages

    def put(self, message: str | bytes) -> None:
        """Adds a message, unless the socket is closed."""
        if self._disconnect is None:
            kind = "text" if isinstance(message, str) else "bytes"
            self._messages.append({"type": "websocket.receive", kind: message})
            self._arrived.set()

    def close(self, code: int, reason: str, *, drops: bool = False) -> None:
        """Adds the disconnect event after the queued messages; `drops` removes those messages.

        Of several calls, the first one sets code and reason.
        """
        if drops:
            self._messages.clear()
        if self._disconnect is None:
            self._disconnect = {"type": "websocket.disconnect", "code": code, "reason": reason}
            self._arrived.set()

    async def take(self) -> Message:
        """The next event, at the earliest in the next iteration of the loop."""
        await asyncio.sleep(0)  # so that other connections are served in between
        while not self._messages:
            if self._disconnect is not None:
                return self._disconnect
            self._arrived.clear()
            await self._arrived.wait()
        message = self._messages.popleft()
        if not self._messages:
            self._emptied()
        return message
