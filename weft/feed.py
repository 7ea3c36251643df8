"""What the source of a subscription may be beyond an async iterator: one that can be resumed."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, Protocol, Self, TypeVar


class Event(Protocol):
    """An event that has a place in the order of all events of its kind."""

    @property
    def position(self) -> int:
        """Higher than that of every earlier event, of every feed of the same log."""
        ...

    @property
    def cursor(self) -> str:
        """The position as clients keep it."""
        ...


EventT = TypeVar("EventT", bound=Event)


class Feed(ABC, Generic[EventT]):
    """Events in order of position, first those of the past, then those that come.

    Two feeds of the same events that have caught up are at the same place, so one of them will do
    for both readers: this is what lets identical subscriptions be one.
    """

    @property
    @abstractmethod
    def position(self) -> int:
        """Nothing up to here is left to take, if `catch_up` has just returned nothing."""

    @property
    def has_failed(self) -> bool:
        """Whether nothing follows any more but an error."""
        return False

    @abstractmethod
    async def catch_up(self, limit: int) -> Sequence[EventT]:
        """The next events, at most `limit`; none if it has caught up with what happens."""

    @abstractmethod
    async def take(self, limit: int) -> Sequence[EventT]:
        """The next events, at most `limit`; waits until there is one."""

    @abstractmethod
    def close(self) -> None:
        """Ends it; may be called twice."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EventT:
        return (await self.take(1))[0]

    async def aclose(self) -> None:
        """As `close`, for those that know it as an iterator only."""
        self.close()
