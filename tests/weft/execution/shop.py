"""A small Strawberry schema whose resolvers do what a test sets in their context."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any

import msgspec
import strawberry

from weft.declare.fields import Argument, column, derived, event, field, mutation, root
from weft.declare.info import Info
from weft.declare.types import given, input_type, output
from weft.errors import Forbidden
from weft.execution import Schema


class OwnerRow(msgspec.Struct, frozen=True):
    key: int


class ThingRow(msgspec.Struct, frozen=True):
    key: int
    label: str | None = "label"


OWNERS = [OwnerRow(0), OwnerRow(1)]
"""One row object for each key, as from a loader."""


def _owners(rows: list[Any]) -> list[OwnerRow]:
    return [OWNERS[row.key % 2] for row in rows]


class Site:
    """The context of an operation, with what a test sets before it and checks after it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.gate = asyncio.Event()
        # If set, the one future that the resolvers of all owner fields await.
        self.load: asyncio.Future[None] | None = None
        self.counted = asyncio.Event()
        # Whether resolvers at the gate, if cancelled, go on waiting until released.
        self.stubborn = False
        self.released = asyncio.Event()
        self.renewed = 0
        self.forgotten = 0
        self.closed = False
        self.things: Any = [ThingRow(key) for key in range(3)]
        self.answer: Callable[[list[Any]], Any] = _owners

    def renew(self) -> "Site":
        self.renewed += 1
        return self

    def forget_loaded(self) -> None:
        self.forgotten += 1


async def all_things(info: Info) -> Any:
    """Things."""
    return info.context.things


async def _pass(site: Site) -> None:
    try:
        await site.gate.wait()
    except asyncio.CancelledError:
        if not site.stubborn:
            raise
        await site.released.wait()


async def wait_for_gate(info: Info) -> str:
    """Waits for the test."""
    await info.context.gate.wait()
    return "open"


def _owner_resolver(name: str, *, wait: bool) -> Callable[..., Any]:
    async def resolve(rows: Sequence[Any], info: Info) -> Any:
        """The owner."""
        info.context.calls.append((name, len(rows)))
        if wait:
            await _pass(info.context)
        if info.context.load is not None:
            await asyncio.shield(info.context.load)
        return info.context.answer(list(rows))

    return resolve


async def secrets_of(rows: Sequence[Any], info: Info) -> list[Any]:
    """Forbidden to all."""
    return [Forbidden("Not for you.") for _ in rows]


async def counts_of(rows: Sequence[Any], info: Info) -> list[int]:
    """How many."""
    info.context.calls.append(("count", len(rows)))
    info.context.counted.set()
    await asyncio.sleep(0)
    return [row.key for row in rows]


@output(OwnerRow)
class Owner:
    """An owner."""

    key: int = column("Its key.")
    count: int = field(counts_of)
    secret: str | None = field(secrets_of)
    must: str = field(secrets_of)


@output(ThingRow)
class Thing:
    """A thing."""

    key: int = column("Its key.")
    label: str = column("Its label.")
    shout: str = derived(lambda row: row.label.upper(), "Its label, louder.")
    owner: Owner = field(_owner_resolver("owner", wait=False))
    maybe_owner: Owner | None = field(_owner_resolver("maybe_owner", wait=False))
    slow_owner: Owner | None = field(_owner_resolver("slow_owner", wait=True))
    count: int = field(counts_of)
    secret: str | None = field(secrets_of)


async def one_thing(info: Info, key: int = 1) -> ThingRow:
    """One thing."""
    return ThingRow(key)


async def some_thing(info: Info) -> Any:
    """A thing or an owner."""
    return info.context.things


class Choice(msgspec.Struct, frozen=True):
    """What was given."""

    number: int
    in_words: str | msgspec.UnsetType | None = msgspec.UNSET
    tags: list[str] | None = []


@input_type(Choice)
class ChoiceInput:
    """What to give."""

    number: int = given("A number.")
    in_words: str | None = given("In words.")
    tags: list[str] | None = given("Tags.", default=["none"])


async def echo_of(info: Info, choice: Choice | None = None) -> str:
    """What was given."""
    return repr(choice)


def _prepared(arguments: dict[str, Any]) -> dict[str, Any]:
    return {"page": arguments.pop("first", None), **arguments}


async def page_of(info: Info, page: int | None) -> str:
    """The page."""
    info.context.calls.append(("paged", 1))
    return f"page {page}"


Either = Annotated[Thing | Owner, strawberry.union("Either")]


@strawberry.type
class Plain:
    """Ordinary Strawberry."""

    name: str

    @strawberry.field
    def upper(self, info: strawberry.Info, times: int = 1) -> str:
        return f"{self.name.upper() * times}@{info.path.as_list() if info.path else ''}"

    @strawberry.field
    async def thing(self, info: strawberry.Info) -> Thing:
        await asyncio.sleep(0)
        return ThingRow(len(self.name))  # type: ignore[return-value]


@output()
class Query:
    """Reading."""

    things: list[Thing] | None = root(all_things)
    maybe_things: list[Thing | None] | None = root(all_things)
    blocked: str | None = root(wait_for_gate)
    must: str = root(wait_for_gate)
    thing: Thing = root(one_thing, arguments={"key": Argument(int, "Which.", 1)})
    either: Either | None = root(some_thing)
    echo: str = root(echo_of, arguments={"choice": Argument(ChoiceInput | None, "What.")})
    paged: str = root(
        page_of, arguments={"first": Argument(int | None, "How many.")}, prepare=_prepared
    )

    @strawberry.field
    def plains(self) -> list[Plain]:
        return [Plain(name="a"), Plain(name="bc")]


async def write_thing(info: Info, label: str) -> ThingRow:
    """Writes."""
    info.context.calls.append((f"write {label} begins", 1))
    await asyncio.sleep(0)
    info.context.calls.append((f"write {label} ends", 1))
    if label == "bad":
        raise RuntimeError("it broke")
    return ThingRow(1, label)


_LABEL = {"label": Argument(str, "What.")}


@output()
class Mutation:
    """Writing."""

    write: Thing | None = mutation(write_thing, arguments=_LABEL)
    must_write: Thing = mutation(write_thing, arguments=_LABEL)


async def tick(info: Info, fail_at: int | None = None) -> AsyncIterator[ThingRow]:
    """Things as they come."""
    try:
        for key in range(3):
            if key == fail_at:
                raise Forbidden("No more of this.")
            yield ThingRow(key, None if key == 1 else "label")
    finally:
        info.context.closed = True


async def refuse(info: Info) -> AsyncIterator[ThingRow]:
    """Fails before there is a source."""
    raise Forbidden("Not even opened.")


@output()
class Subscription:
    """Listening."""

    ticks: Thing = event(tick, arguments={"fail_at": Argument(int | None, "Where to fail.")})
    opened: Thing = event(refuse)


def shop(executor: str = "compiled", **options: Any) -> Schema:
    """The schema."""
    return Schema(Query, Mutation, Subscription, executor=executor, **options)  # type: ignore[arg-type]
