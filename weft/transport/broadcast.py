"""Identical subscriptions share one feed, whose events are executed and encoded once."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import aclosing
from typing import Any

from weft.errors import RateLimited
from weft.execution.subscription import Subscription
from weft.feed import Feed
from weft.rates.budget import Client
from weft.transport.rendered import RENDERED_AT_ONCE, Rendered, Renderer
from weft.transport.subscription_limit import Place

SENT_AT_ONCE = 500
"""Sockets that are written to before the event loop may run other tasks."""


class Membership:
    """One operation that receives a broadcast. It gives `place` back when it leaves or is ended."""

    __slots__ = ("_broadcast", "_finish", "place", "position", "push")

    def __init__(
        self,
        broadcast: "Broadcast",
        position: int,
        place: Place,
        push: Callable[[Rendered], None],
        finish: Callable[[Exception], None],
    ) -> None:
        self._broadcast: Broadcast | None = broadcast
        self._finish = finish
        self.position = position
        self.place = place
        self.push = push

    def offer(self, rendered: Rendered) -> None:
        """Sends the result, unless the operation got the event before it joined, or has left."""
        if rendered.position > self.position and self._broadcast is not None:
            self.push(rendered)

    def cancel(self) -> None:
        """Leaves the broadcast; a second call does nothing."""
        broadcast, self._broadcast = self._broadcast, None
        if broadcast is not None:
            self.place.leave()
            broadcast.leave(self)

    def end(self, error: Exception) -> None:
        """Ends the operation with the error; the broadcast sends it nothing more."""
        if self._broadcast is not None:
            self._broadcast = None
            self.place.leave()
            self._finish(error)


class Broadcast:
    """One feed and all operations that receive its events. It ends when the last one leaves.

    Members are charged in turn, each for the events of one round. A member whose budget is
    exhausted is ended with all events of earlier rounds and none of this one; the next one is
    charged instead.
    """

    def __init__(
        self,
        subscription: Subscription,
        feed: Feed[Any],
        renderer: Renderer,
        forget: Callable[[], None],
    ) -> None:
        self._subscription = subscription
        self._feed = feed
        self._renderer = renderer
        self._forget = forget
        self._members: OrderedDict[Membership, None] = OrderedDict()
        self._task: asyncio.Task[None] | None = None

    @property
    def has_failed(self) -> bool:
        """Whether only an error follows. New subscriptions then begin a broadcast of their own."""
        return self._feed.has_failed

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
                payer = self._charge(self._subscription.cost * len(events))
                if payer is None:
                    break
                rendering = self._renderer.render(self._subscription, events, payer)
                async with aclosing(rendering) as results:
                    async for rendered in results:
                        await self._send(rendered)
            self._close()
        except Exception as error:
            self._close()
            for member in list(self._members):
                member.end(self._subscription.located(error))

    def _charge(self, cost: int) -> Client | None:
        """The client that was charged: that of the first member that can pay; None if none can."""
        while self._members:
            member = next(iter(self._members))
            try:
                member.place.client.charge(cost)
            except RateLimited as error:
                del self._members[member]
                member.end(self._subscription.located(error))
            else:
                self._members.move_to_end(member)
                return member.place.client
        return None

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
    """The broadcasts of one process, by the identity of their subscriptions."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._running: dict[Hashable, Broadcast] = {}

    def __len__(self) -> int:
        return len(self._running)

    def join(
        self,
        subscription: Subscription,
        feed: Feed[Any],
        place: Place,
        push: Callable[[Rendered], None],
        finish: Callable[[Exception], None],
    ) -> Membership:
        """Adds a subscription whose feed has just caught up to the broadcast of its identity.

        The caller must not await between the last `catch_up` and this call: only then has the
        feed of the broadcast given no event that this feed has not.
        """
        key = place.identity
        position = feed.position
        broadcast = self._running.get(key)
        if broadcast is None or broadcast.has_failed:

            def forget() -> None:
                if self._running.get(key) is broadcast:
                    del self._running[key]

            broadcast = Broadcast(subscription, feed, self._renderer, forget)
            self._running[key] = broadcast
        else:
            feed.close()
        member = Membership(broadcast, position, place, push, finish)
        broadcast.add(member)
        return member
