"""A toy schema, gate and server, with one example of everything that the transports carry."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self

import strawberry
import uvicorn
from strawberry.types import Info
from structlog.contextvars import bind_contextvars, get_contextvars
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tests.sockets import address_of, listening
from tests.waiting import soon
from tests.weft.transport.behind import fallback
from tests.weft.transport.ticks import TickFeed
from weft.declare.fields import Argument, event
from weft.documents.documents import Documents
from weft.errors import Unauthenticated, Unavailable
from weft.execution.schema import Schema
from weft.explanation import Explanation
from weft.rates.budget import CostBudget, charge_address
from weft.server.shared import Shared
from weft.telemetry.logs import REQUEST_ID
from weft.transport.browser_page import BrowserPage
from weft.transport.concurrency import InFlight
from weft.transport.front import Front
from weft.transport.http import GraphQLEndpoint
from weft.transport.limits import SocketLimits
from weft.transport.response import ANSWER_LIMIT_BYTES
from weft.transport.service import LiveService
from weft.transport.websocket import GraphQLSocket

NOW = datetime(2030, 1, 1, tzinfo=UTC)
BRIEF_SECONDS = 0.05


@dataclass(frozen=True)
class Viewer:
    name: str
    expires_at: datetime | None = None


@dataclass
class Witness:
    """What a test can observe inside the server."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    revoked: bool = False
    counts: Counter[str] = field(default_factory=Counter[str])
    request_ids: list[str] = field(default_factory=list[str])
    logged: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    feeds: list[TickFeed] = field(default_factory=list[TickFeed])
    executed_for: list[str] = field(default_factory=list[str])
    ticks: int = 0

    def tick(self) -> None:
        """Emits an event to all open feeds."""
        self.ticks += 1
        for feed in self.feeds:
            feed.put(Tick(position=self.ticks, cursor=f"tick-{self.ticks}"))


@dataclass
class Context:
    viewer: Viewer
    witness: Witness

    def forget_loaded(self) -> None: ...

    def explain(self, explanation: Explanation) -> None: ...

    def renew(self) -> Self:
        return self


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "world"

    @strawberry.field
    def echo(self, text: str) -> str:
        return text

    @strawberry.field
    def viewer(self, info: Info[Context]) -> str:
        return info.context.viewer.name

    @strawberry.field
    def broken(self) -> str:
        raise RuntimeError("the secret reason")

    @strawberry.field
    def unwritable(self) -> str:
        return "\ud800"

    @strawberry.field
    async def slow(self, info: Info[Context]) -> str | None:
        witness = info.context.witness
        witness.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            witness.ended.set()


@strawberry.type
class Mutation:
    @strawberry.mutation
    def add(self, info: Info[Context], note: str | None = None) -> int:
        info.context.witness.counts["added"] += 1
        return info.context.witness.counts["added"]


@strawberry.type
class Tick:
    position: int
    cursor: str

    @strawberry.field
    def number(self, info: Info[Context]) -> int:
        """Counts how often it is executed."""
        witness = info.context.witness
        witness.counts["executed"] += 1
        witness.executed_for.append(info.context.viewer.name)
        return self.position


async def ticks(info: Any, after: str | None = None) -> TickFeed:
    """A feed."""
    witness = info.context.witness
    return TickFeed(witness.feeds, witness.ticks)


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int) -> AsyncIterator[int]:
        for number in range(to):
            yield number

    @strawberry.subscription
    async def endless(self, info: Info[Context], bytes_each: int = 0) -> AsyncIterator[str]:
        witness = info.context.witness
        witness.begun.set()
        try:
            yield "x" * bytes_each
            while bytes_each:
                witness.counts["events"] += 1
                yield "x" * bytes_each
            await asyncio.Event().wait()
        finally:
            witness.ended.set()

    ticks: Tick = event(
        ticks, arguments={"after": Argument(str | None, "A cursor.")}, resume="after"
    )

    @strawberry.subscription
    async def fails(self) -> AsyncIterator[int]:
        yield 1
        raise RuntimeError("the secret reason")


SCHEMA = Schema(query=Query, mutation=Mutation, subscription=Subscription)


class Gate:
    def __init__(self) -> None:
        self.witness = Witness()
        self.watched: list[Callable[[str], None]] = []

    async def viewer(self, authorization: str | None) -> Viewer:
        self.witness.counts["viewers"] += 1
        if self.witness.revoked:
            raise Unauthenticated("The session has ended.")
        match authorization:
            case None:
                return Viewer("stranger")
            case "Bearer good":
                return Viewer("ada")
            case "Bearer brief":
                return Viewer("ada", NOW + timedelta(seconds=BRIEF_SECONDS))
            case "Bearer unavailable":
                raise Unavailable("The sessions cannot be read now.")
            case "Bearer broken":
                raise RuntimeError("the secret reason")
            case _:
                raise Unauthenticated("The token is malformed.")

    def explains_to(self, viewer: Viewer) -> bool:
        return viewer.name == "ada"

    def sees_schema(self, viewer: Viewer) -> bool:
        return viewer.name == "ada"

    def audience(self, viewer: Viewer) -> str | None:
        return None if viewer.name == "stranger" else viewer.name

    def shared(self, viewer: Viewer) -> Viewer:
        return Viewer(viewer.name)

    def watch(self, viewer: Viewer, revoked: Callable[[str], None]) -> Callable[[], None]:
        self.watched.append(revoked)
        return lambda: self.watched.remove(revoked)

    def context(self, viewer: Viewer, request_id: str) -> Context:
        self.witness.request_ids.append(request_id)
        self.witness.logged.append({"request_id": REQUEST_ID.get(), **get_contextvars()})
        bind_contextvars(viewer=viewer.name)
        return Context(viewer, self.witness)


@dataclass
class Server:
    address: str
    gate: Gate
    uvicorn: uvicorn.Server
    live: LiveService

    @property
    def witness(self) -> Witness:
        return self.gate.witness

    @property
    def url(self) -> str:
        return f"http://{self.address}/graphql"

    @property
    def socket_url(self) -> str:
        return f"ws://{self.address}/graphql"

    async def ended(self) -> None:
        """Waits until an endless operation was ended."""
        await soon(self.witness.ended.wait())


@asynccontextmanager
async def serving(
    *,
    http: dict[str, Any] | None = None,
    limits: SocketLimits | None = None,
    cors_origins: tuple[str, ...] = ("https://app.example",),
    allowed_hosts: tuple[str, ...] = ("*",),
    body_limit_bytes: int = 10_000,
    direct: bool = True,
    in_flight: InFlight | None = None,
    page: BrowserPage | None = None,
    shared: Shared | None = None,
    budget: CostBudget | None = None,
    documents: Documents | None = None,
    answer_limit_bytes: int = ANSWER_LIMIT_BYTES,
) -> AsyncGenerator[Server]:
    """A real server on a free port of this machine, in this event loop.

    With `direct=False` the server offers no extensions of ASGI. With `budget` it trusts a proxy on
    this machine, so that tests can choose addresses (`X-Forwarded-For`).
    """
    gate = Gate()
    both: dict[str, Any] = {
        "in_flight": in_flight or InFlight(100),
        "budget": budget,
        "answer_limit_bytes": answer_limit_bytes,
    }
    live = LiveService(SCHEMA, gate, limits=limits, documents=documents, clock=lambda: NOW, **both)
    front: Any = Front(
        GraphQLEndpoint(
            SCHEMA,
            gate,
            body_limit_bytes=body_limit_bytes,
            live=live,
            page=page,
            **both,
            **({"documents": documents} if documents else {}),
            **(http or {}),
        ),
        GraphQLSocket(live, cors_origins=cors_origins),
        fallback(page),
        cors_origins=cors_origins,
        allowed_hosts=allowed_hosts,
        body_limit_bytes=body_limit_bytes,
        charge=partial(charge_address, budget) if budget is not None else lambda _, __: None,
    )
    if budget is not None:
        front = ProxyHeadersMiddleware(front, "127.0.0.1")
    async with listening(front, direct=direct, shared=shared) as server:
        yield Server(address_of(server), gate, server, live)
