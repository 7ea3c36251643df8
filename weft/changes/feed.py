"""Changes as the events of a subscription."""

from collections.abc import Callable, Sequence

from weft.changes.change import Change
from weft.changes.listener import Listener
from weft.feed import EventT, Feed


class ChangeFeed(Feed[EventT]):
    """The changes of a listener, each converted to an event by `event_of`."""

    def __init__(
        self, listener: Listener, event_of: Callable[[Change], EventT], close: Callable[[], None]
    ) -> None:
        self._listener = listener
        self._event_of = event_of
        self._close = close

    @property
    def position(self) -> int:
        return self._listener.point.position

    @property
    def has_failed(self) -> bool:
        return self._listener.has_failed

    async def catch_up(self, limit: int) -> Sequence[EventT]:
        return [self._event_of(change) for change in await self._listener.catch_up(limit)]

    async def take(self, limit: int) -> Sequence[EventT]:
        return [self._event_of(change) for change in await self._listener.take(limit)]

    def close(self) -> None:
        self._close()
