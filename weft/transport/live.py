"""One subscription of one client: past events first, then those of the broadcast that it joins."""

from contextlib import aclosing
from typing import Any, Protocol

from graphql import ExecutionResult

from weft.execution.subscription import Subscription
from weft.feed import Feed
from weft.transport.broadcast import Broadcasts, Membership
from weft.transport.rendered import RENDERED_AT_ONCE, Rendered, Renderer
from weft.transport.subscription_limit import Place


class Sink(Protocol):
    """Where the results of one subscription go."""

    async def send_result(self, result: ExecutionResult) -> None:
        """Sends a result of a source that is no `Feed`; waits until there is room for the next."""
        ...

    async def send(self, rendered: Rendered) -> None:
        """Sends a result; waits until there is room for the next."""
        ...

    def push(self, rendered: Rendered) -> None:
        """Sends a result; never waits."""
        ...

    def finish(self, error: Exception) -> None:
        """Ends the subscription with the error."""
        ...


class LiveSubscription:
    """An open subscription, with its `Place` in the limits of its client."""

    def __init__(
        self,
        subscription: Subscription,
        place: Place,
        renderer: Renderer,
        broadcasts: Broadcasts,
    ) -> None:
        self._subscription = subscription
        self._place = place
        self._client = place.client
        self._renderer = renderer
        self._broadcasts = broadcasts

    async def follow(self, sink: Sink) -> Membership | None:
        """Sends past events, at the client's pace; then joins the broadcast and returns.

        Each event is charged before it is executed. Returns None at the end of a source that is no
        feed. Raises the error of the source, and RateLimited: the client gets the remaining events
        when it resumes from its last cursor.
        """
        source: Any = self._subscription.source
        try:
            if not isinstance(source, Feed):
                await self._send_all(sink)
                self._place.leave()
                return None
            await self._catch_up(source, sink)
        except BaseException:
            self._place.leave()
            if isinstance(source, Feed):
                source.close()
            raise
        self._place.caught_up()
        return self._broadcasts.join(
            self._subscription, source, self._place, sink.push, sink.finish
        )

    async def _send_all(self, sink: Sink) -> None:
        async with aclosing(self._subscription.results(self._execute)) as results:
            async for result in results:
                await sink.send_result(result)

    async def _execute(self, event: Any) -> ExecutionResult:
        self._client.charge(self._subscription.cost)
        return await self._renderer.execute(self._subscription, event, self._client)

    async def _catch_up(self, feed: Feed[Any], sink: Sink) -> None:
        while True:
            try:
                events = await feed.catch_up(RENDERED_AT_ONCE)
                if not events:
                    return
                self._client.charge(self._subscription.cost * len(events))
            except Exception as error:
                raise self._subscription.located(error) from None
            rendering = self._renderer.render(self._subscription, events, self._client)
            async with aclosing(rendering) as results:
                async for rendered in results:
                    await sink.send(rendered)
