"""A feed of events that a test emits."""

import asyncio
from typing import Any

from weft.feed import Feed


class TickFeed(Feed[Any]):
    """Events of `Witness.tick` from now on; it is in `feeds` until it is closed."""

    def __init__(self, feeds: "list[TickFeed]", position: int) -> None:
        self._feeds = feeds
        self._waiting: asyncio.Queue[Any] = asyncio.Queue()
        self._position = position
        self.is_broken = False
        self._feeds.append(self)

    @property
    def has_failed(self) -> bool:
        return self.is_broken

    @property
    def position(self) -> int:
        return self._position

    async def catch_up(self, limit: int) -> list[Any]:
        return []

    async def take(self, limit: int) -> list[Any]:
        return [await self._waiting.get()]

    def put(self, tick: Any) -> None:
        self._waiting.put_nowait(tick)

    def close(self) -> None:
        if self in self._feeds:
            self._feeds.remove(self)
