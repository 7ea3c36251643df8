"""Identical subscriptions as one: each event is executed and encoded once, and sent to all."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from contextlib import suppress
from typing import Any

from graphql import GraphQLError

from weft.errors import Unavailable
from weft.execution.subscription import Subscription
from weft.feed import Event, Feed
from weft.transport.messages import next_message
from weft.transport.response import encode_result

RENDERED_AT_ONCE = 16
"""Events that are executed side by side, so that their loads share statements."""
SENT_AT_ONCE = 500
"""Sockets that are written to before others get their turn of the event loop."""
RETRY_SECONDS = 30.0
"""How long an event waits for a store that is out of reach, before it is sent with that error."""
PAUSE_SECONDS = 0.1


class Rendered:
    """The result of one event, as bytes."""

    __slots__ = ("_event", "_messages", "cursor", "payload", "position")

    def __init__(self, event: Event, payload: bytes) -> None:
        self.position = event.position
        self.cursor = event.cursor
        self.payload = payload
        self._messages: dict[str, bytes] = {}
        self._event: bytes | None = None

    @property
    def event(self) -> bytes:
        """The `next` event of a stream of events, made once for all."""
        if self._event is None:
            self._event = b"event: next\nid: %b\ndata: %b\n\n" % (
                self.cursor.encode(),
                self.payload,
            )
        return self._event

    def message(self, operation_id: str) -> bytes:
        """The `next` message, made once for all operations that have the same id."""
        message = self._messages.get(operation_id)
        if message is None:
            message = self._messages[operation_id] = next_message(operation_id, self.payload)
        return message


class Membership:
    """One operation that a broadcast is sent to."""

    __slots__ = ("_broadcast", "finish", "position", "push")

    def __init__(
        self,
        broadcast: "Broadcast",
        position: int,
        push: Callable[[Rendered], None],
        finish: Callable[[Exception], None],
    ) -> None:
        self._broadcast: Broadcast | None = broadcast
        self.position = position
        self.push = push
        self.finish = finish

    def offer(self, rendered: Rendered) -> None:
        """Sends the result, unless the operation had that event before it joined or has left."""
        if rendered.position > self.position and self._broadcast is not None:
            self.push(rendered)

    def cancel(self) -> None:
        """Leaves the broadcast; may be called twice."""
        broadcast, self._broadcast = self._broadcast, None
        if broadcast is not None:
            broadcast.leave(self)


class Broadcast:
    """One feed, and all operations that it is for; ends with the last of them."""

    def __init__(
        self, subscription: Subscription, feed: Feed[Any], forget: Callable[[], None]
    ) -> None:
        self._subscription = subscription
        self._feed = feed
        self._forget = forget
        self._members: dict[Membership, None] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, member: Membership) -> None:
        self._members[member] = None
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def leave(self, member: Membership) -> None:
        self._members.pop(member, None)
        if not self._members and self._task is not None:
            self._close()
            self._task.cancel()

    async def _run(self) -> None:
        try:
            while True:
                events = await self._feed.take(RENDERED_AT_ONCE)
                async for rendered in render_all(self._subscription, events):
                    await self._send(rendered)
        except Exception as error:
            self._close()
            for member in list(self._members):
                member.finish(error)

    async def _send(self, rendered: Rendered) -> None:
        members = list(self._members)
        for start in range(0, len(members), SENT_AT_ONCE):
            if start:
                await asyncio.sleep(0)
            for member in members[start : start + SENT_AT_ONCE]:
                member.offer(rendered)

    def _close(self) -> None:
        self._feed.close()
        self._forget()


class Broadcasts:
    """The broadcasts of one process, by what makes subscriptions identical."""

    def __init__(self) -> None:
        self._running: dict[Hashable, Broadcast] = {}

    def __len__(self) -> int:
        return len(self._running)

    def join(
        self,
        key: Hashable,
        subscription: Subscription,
        feed: Feed[Any],
        push: Callable[[Rendered], None],
        finish: Callable[[Exception], None],
    ) -> Membership:
        """Goes on with a subscription whose feed has just caught up, together with its like.

        Nothing may be awaited between the last `catch_up` and this: then the feed of the broadcast
        has given no event yet that this one has not.
        """
        position = feed.position
        broadcast = self._running.get(key)
        if broadcast is None:

            def forget() -> None:
                if self._running.get(key) is broadcast:
                    del self._running[key]

            broadcast = self._running[key] = Broadcast(subscription, feed, forget)
        else:
            feed.close()
        member = Membership(broadcast, position, push, finish)
        broadcast.add(member)
        return member


async def render_all(
    subscription: Subscription, events: Sequence[Event]
) -> AsyncGenerator[Rendered]:
    """The results of events in their order; they are executed side by side."""
    if len(events) == 1:
        yield await _render(subscription, events[0])
        return
    tasks = [asyncio.create_task(_render(subscription, event)) for event in events]
    try:
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()


async def _render(subscription: Subscription, event: Event) -> Rendered:
    """Executes an event, again and again for as long as that is worth while."""
    result = await subscription.execute(event)
    with suppress(TimeoutError):
        async with asyncio.timeout(RETRY_SECONDS):
            while any(map(_is_retriable, result.errors or ())):
                await asyncio.sleep(PAUSE_SECONDS)
                result = await subscription.execute(event)
    return Rendered(event, encode_result(result))


def _is_retriable(error: GraphQLError) -> bool:
    cause: Any = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return isinstance(cause, Unavailable)
