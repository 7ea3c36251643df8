"""Executes the events of subscriptions, in turns, and encodes the results."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from graphql import ExecutionResult, GraphQLError

from weft.errors import Unavailable
from weft.execution.subscription import Subscription
from weft.feed import Event
from weft.rates.budget import Client
from weft.rates.turns import Turns
from weft.transport.messages import next_message
from weft.transport.response import encode_within

RENDERED_AT_ONCE = 16
"""Events that are executed concurrently, so that their loads share statements."""
RETRY_SECONDS = 30.0
"""How long events are retried while a store is out of reach, before the error is sent."""
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
        """The `next` event of an event stream, encoded once for all streams."""
        if self._event is None:
            self._event = b"event: next\nid: %b\ndata: %b\n\n" % (
                self.cursor.encode(),
                self.payload,
            )
        return self._event

    def message(self, operation_id: str) -> bytes:
        """The `next` message, encoded once for all operations with the same id."""
        message = self._messages.get(operation_id)
        if message is None:
            message = self._messages[operation_id] = next_message(operation_id, self.payload)
        return message


class Renderer:
    """Executes the events of all subscriptions of a process, `RENDERED_AT_ONCE` at a time.

    No more than that begin in one iteration of the event loop. When more wait, clients take turns,
    weighed by the cost of their events. Nothing is charged here.
    """

    def __init__(self, limit_bytes: int) -> None:
        """An event whose result is longer than `limit_bytes` is RESPONSE_TOO_LARGE."""
        self._limit_bytes = limit_bytes
        self._turns = Turns(RENDERED_AT_ONCE)

    async def render(
        self, subscription: Subscription, events: Sequence[Event], client: Client
    ) -> AsyncGenerator[Rendered]:
        """The results of events in their order; the events are executed concurrently.

        An event that failed because a store was out of reach is executed again, until
        `RETRY_SECONDS` have passed.
        """
        ends_at = asyncio.get_running_loop().time() + RETRY_SECONDS
        if len(events) == 1:
            result = await self.execute(subscription, events[0], client)
            yield await self._rendered(subscription, events[0], client, result, ends_at)
            return
        tasks: list[asyncio.Task[ExecutionResult]] = []
        try:
            for event in events:
                await self._enter(subscription, client)
                task = asyncio.ensure_future(subscription.execute(event))
                task.add_done_callback(self._leave)
                tasks.append(task)
            for event, task in zip(events, tasks, strict=True):
                result = await task
                yield await self._rendered(subscription, event, client, result, ends_at)
        finally:
            for task in tasks:
                task.cancel()

    async def execute(
        self, subscription: Subscription, event: Any, client: Client
    ) -> ExecutionResult:
        """The result of one event, executed when it is the client's turn."""
        await self._enter(subscription, client)
        try:
            return await subscription.execute(event)
        finally:
            # Not now: events that await nothing would all run in one iteration of the event loop.
            asyncio.get_running_loop().call_soon(self._turns.leave)

    async def _enter(self, subscription: Subscription, client: Client) -> None:
        await self._turns.enter(client.turn, weight=subscription.cost)

    def _leave(self, _: asyncio.Task[ExecutionResult]) -> None:
        # A callback, since a task that is cancelled before it begins runs no `finally`.
        self._turns.leave()

    async def _rendered(
        self,
        subscription: Subscription,
        event: Event,
        client: Client,
        result: ExecutionResult,
        ends_at: float,
    ) -> Rendered:
        loop = asyncio.get_running_loop()
        while any(map(_is_retriable, result.errors or ())) and loop.time() < ends_at:
            await asyncio.sleep(PAUSE_SECONDS)
            result = await self.execute(subscription, event, client)
        return Rendered(event, encode_within(result, self._limit_bytes, client))


def _is_retriable(error: GraphQLError) -> bool:
    cause: Any = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return isinstance(cause, Unavailable)
