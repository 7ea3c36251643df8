"""Shared state of all sockets and streams of a process; opens their operations."""

from collections.abc import Callable, Collection, Hashable
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec
from graphql import ExecutionResult, OperationType

from weft.documents.documents import Documents
from weft.errors import RateLimited
from weft.execution.engine import ALL_OPERATIONS
from weft.execution.reference import ResumeAfter
from weft.execution.schema import Schema
from weft.execution.subscription import Subscription
from weft.rates.budget import CostBudget, charge_bytes, charged, client_of, current_client
from weft.transport import messages
from weft.transport.broadcast import Broadcasts
from weft.transport.concurrency import InFlight
from weft.transport.gate import Gate, Viewer
from weft.transport.limits import Occupancy, SocketLimits
from weft.transport.live import LiveSubscription
from weft.transport.messages import ClientMessage, CloseCode, SocketClosed
from weft.transport.rendered import Renderer
from weft.transport.request import GraphQLRequest
from weft.transport.response import ANSWER_LIMIT_BYTES, encode_within
from weft.transport.subscription_limit import Place, SubscriptionLimit

OPERATIONS_AT_ONCE = 1_000

_encode = msgspec.json.Encoder(order="sorted").encode


def utc_now() -> datetime:
    """The current time, with its zone."""
    return datetime.now(UTC)


class LiveService:
    """One object for each process, for sockets and streams alike.

    `operation_timeout_ms` is for each result; `in_flight` counts queries and mutations, and
    subscriptions while they are opened. No response is longer than `answer_limit_bytes`; results
    in socket messages and of events are also limited so that an empty buffer can hold them.
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
        answer_limit_bytes: int = ANSWER_LIMIT_BYTES,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.gate = gate
        self.limits = limits or SocketLimits()
        self.in_flight = in_flight or InFlight(OPERATIONS_AT_ONCE)
        self.documents = documents or Documents(schema.engine.is_valid)
        self.budget = budget
        self.clock = clock
        self.answer_limit_bytes = answer_limit_bytes
        self._message_limit_bytes = min(answer_limit_bytes, self.limits.longest_result_bytes)
        self._renderer = Renderer(self._message_limit_bytes)
        self.broadcasts = Broadcasts(self._renderer)
        self._places = SubscriptionLimit(self.limits)
        self.addresses = Occupancy(self.limits.per_address)
        self.viewers = Occupancy(self.limits.per_viewer)
        self._engine = schema.engine
        self._deadline_seconds = operation_timeout_ms / 1000

    def read(self, raw: bytes) -> ClientMessage:
        """Decodes a message of a socket and charges for its bytes; raises `SocketClosed`."""
        limit = self.limits.message_limit_bytes
        if len(raw) > limit:
            raise SocketClosed(CloseCode.MESSAGE_TOO_BIG, f"Messages are at most {limit} bytes")
        try:
            charge_bytes(self.budget, len(raw))
        except RateLimited as refusal:
            return messages.decode_unpaid(raw, refusal)
        return messages.decode(raw)

    async def open(
        self,
        request: GraphQLRequest,
        viewer: Viewer,
        request_id: str,
        *,
        allow: Collection[OperationType] = ALL_OPERATIONS,
        after: str | None = None,
    ) -> LiveSubscription | ExecutionResult:
        """An open subscription, which resumes after the cursor `after` if given; or the result of
        another operation.

        The caller must `follow` the subscription. Raises `TooMany`, before the subscription is
        opened, if the client has reached its limit.
        """
        viewer = self.gate.shared(viewer)
        client = client_of(self.budget, self.gate.audience(viewer))
        place: Place | None = None

        def begin(subscription: Subscription) -> None:
            nonlocal place
            identity = _identity(request, viewer, subscription)
            place = self._places.take(client, identity)

        try:
            with self.in_flight:
                opened = await self._engine.open(
                    request.query,
                    variables=request.variables,
                    operation_name=request.operation_name,
                    context=self.gate.context(viewer, request_id),
                    root_value=None if after is None else ResumeAfter(after),
                    allow=allow,
                    deadline_seconds=self._deadline_seconds,
                    sees_schema=self.gate.sees_schema(viewer),
                    charge=charged(self.budget, client.audience),
                    begin=begin,
                )
        except BaseException:
            if place is not None:
                place.leave()
            raise
        if place is None:
            assert not isinstance(opened, Subscription)  # `begin` would have taken a place
            return opened
        if not isinstance(opened, Subscription):
            place.leave()
            return opened
        return LiveSubscription(opened, place, self._renderer, self.broadcasts)

    def encode(self, result: ExecutionResult) -> bytes:
        """The JSON of a result for a socket message; call it in the context of its operation."""
        return encode_within(result, self._message_limit_bytes, current_client(self.budget))

    def note_renewal(self, audience: Hashable) -> None:
        """Charges 1 for checking credentials. Never raises, since that would end the socket."""
        with suppress(RateLimited):
            client_of(self.budget, audience).charge(1)

    def seconds_left(self, viewer: Viewer) -> float | None:
        """How long the viewer's credentials are still valid; None if they do not expire."""
        if viewer.expires_at is None:
            return None
        return (viewer.expires_at - self.clock()).total_seconds()


def _identity(request: GraphQLRequest, viewer: Hashable, subscription: Subscription) -> Hashable:
    """A key that is equal for identical subscriptions. Short: every member of a broadcast holds it.

    It includes the whole `viewer`, which is all that an execution knows of the client.
    """
    # Variables that the operation does not define change nothing.
    names = subscription.variable_names - {subscription.start_variable}
    variables = {name: value for name, value in (request.variables or {}).items() if name in names}
    text = request.query.encode(errors="surrogatepass")
    what = _encode((sha256(text).hexdigest(), request.operation_name, variables))
    return sha256(what).digest(), viewer
