"""What all sockets and streams of a process share, and how operations on them are begun."""

from collections.abc import Callable, Collection, Hashable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
from graphql import ExecutionResult, OperationType

from weft.documents.documents import Documents
from weft.execution.engine import ALL_OPERATIONS
from weft.execution.reference import ResumeAfter
from weft.execution.schema import Schema
from weft.execution.subscription import Subscription
from weft.feed import Feed
from weft.rates.budget import CostBudget, charged
from weft.transport.broadcast import (
    RENDERED_AT_ONCE,
    Broadcasts,
    Membership,
    Rendered,
    render_all,
)
from weft.transport.gate import Gate, Viewer
from weft.transport.limits import Occupancy, SocketLimits
from weft.transport.load import InFlight
from weft.transport.request import GraphQLRequest

OPERATIONS_AT_ONCE = 1_000

_encode = msgspec.json.Encoder(order="sorted").encode


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


class Sink(Protocol):
    """Where the results of one subscription go."""

    async def send(self, rendered: Rendered) -> None:
        """Sends a result; returns when there is room for the next."""
        ...

    def push(self, rendered: Rendered) -> None:
        """Sends a result; never waits."""
        ...

    def finish(self, error: Exception) -> None:
        """Says that there will be no more, and why."""
        ...


class LiveService:
    """One for each process, for sockets and streams alike.

    `operation_timeout_ms` is for each result; `in_flight` counts queries and mutations, and
    subscriptions while they are opened.
    """

    def __init__(
        self,
        schema: Schema,
        gate: Gate[Any],
        *,
        operation_timeout_ms: int = 10_000,
        limits: SocketLimits | None = None,
        in_flight: InFlight | None = None,
        documents: Documents | None = None,
        budget: CostBudget | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.gate = gate
        self.limits = limits or SocketLimits()
        self.in_flight = in_flight or InFlight(OPERATIONS_AT_ONCE)
        self.documents = documents or Documents(schema.engine.is_valid)
        self.budget = budget
        self.clock = clock
        self.broadcasts = Broadcasts()
        self.addresses = Occupancy(self.limits.per_address)
        self.viewers = Occupancy(self.limits.per_viewer)
        self._engine = schema.engine
        self._deadline_seconds = operation_timeout_ms / 1000

    async def open(
        self,
        request: GraphQLRequest,
        viewer: Viewer,
        request_id: str,
        *,
        allow: Collection[OperationType] = ALL_OPERATIONS,
        after: str | None = None,
    ) -> Subscription | ExecutionResult:
        """A subscription, opened, after the cursor `after` if there is one; else the result."""
        with self.in_flight:
            return await self._engine.open(
                request.query,
                variables=request.variables,
                operation_name=request.operation_name,
                context=self.gate.context(viewer, request_id),
                root_value=None if after is None else ResumeAfter(after),
                allow=allow,
                deadline_seconds=self._deadline_seconds,
                sees_schema=self.gate.sees_schema(viewer),
                charge=charged(self.budget, self.gate.audience(viewer)),
            )

    async def follow(
        self,
        request: GraphQLRequest,
        viewer: Viewer,
        subscription: Subscription,
        feed: Feed[Any],
        sink: Sink,
    ) -> Membership:
        """Sends what is past, at the reader's pace; goes on with all who have caught up as well."""
        try:
            while events := await feed.catch_up(RENDERED_AT_ONCE):
                async with aclosing(render_all(subscription, events)) as results:
                    async for rendered in results:
                        await sink.send(rendered)
        except BaseException:
            feed.close()
            raise
        key = self._identity(request, viewer, subscription.start_variable)
        return self.broadcasts.join(key, subscription, feed, sink.push, sink.finish)

    def seconds_left(self, viewer: Viewer) -> float | None:
        """How long the viewer's credentials are good; None for ever."""
        if viewer.expires_at is None:
            return None
        return (viewer.expires_at - self.clock()).total_seconds()

    def _identity(
        self, request: GraphQLRequest, viewer: Viewer, start_variable: str | None
    ) -> Hashable:
        variables = {
            name: value
            for name, value in (request.variables or {}).items()
            if name != start_variable
        }
        audience = self.gate.audience(viewer)
        return request.query, request.operation_name, _encode(variables), audience
