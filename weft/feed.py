"""Feeds: sources of a subscription that can be resumed, unlike other async iterators."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, Protocol, Self, TypeVar


class Event(Protocol):
    """An event with a place in the order of all events of its kind."""

    @property
    def position(self) -> int:
        """Higher than that of every earlier event, of every feed of the same log."""
        ...

    @property
    def cursor(self) -> str:
        """The position in the form that clients keep."""
        ...


EventT = TypeVar("EventT", bound=Event)


class Feed(ABC, Generic[EventT]):
    """Events in order of position, first past ones, then live ones.

    Two feeds of the same events that have caught up are at the same place, so one of them can serve
    both readers: this lets identical subscriptions share one.
    """

    @property
    @abstractmethod
    def position(self) -> int:
        """All events up to here were taken, if `catch_up` has just returned nothing."""

    @property
    def has_failed(self) -> bool:
        """Whether reading further only raises an error."""
        return False

    @abstractmethod
    async def catch_up(self, limit: int) -> Sequence[EventT]:
        """Returns the next events, at most `limit`; empty if it has caught up with the latest."""

    @abstractmethod
    async def take(self, limit: int) -> Sequence[EventT]:
        """Returns the next events, at most `limit`; waits until there is one."""

    @abstractmethod
    def close(self) -> None:
        """Ends the feed; may be called twice."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EventT:
        return (await self.take(1))[0]

    async def aclose(self) -> None:
        """Same as `close`, for callers that know it as an async iterator only."""
        self.close()
