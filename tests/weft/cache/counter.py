"""The cached field of the state machine in `interleaved`: the writes of each counter."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Self

from weft.cache.answers import Taken
from weft.cache.cache import Cache
from weft.cache.field import cached
from weft.cache.filler import Fill, Filler
from weft.cache.policy import CachePolicy, CacheScope
from weft.cache.snapshot_bound import SnapshotBound
from weft.declare.info import Info
from weft.errors import Unavailable
from weft.loading.snapshot import Snapshot

TTL_SECONDS = 10
COUNTER = "Counter.writes"


def tag_of(key: int) -> str:
    return f"Counter:{key}.writes"


class DrivenFiller(Filler):
    """Stores at once, in a call of its own."""

    start: Callable[[Coroutine[Any, Any, Any]], None]

    def offer(self, fills: Sequence[Fill]) -> None:
        self.start(_tolerant(self.store(fills)))


async def _tolerant(work: Coroutine[Any, Any, Any]) -> None:
    with suppress(Unavailable):
        await work


Read = Callable[[Sequence[int]], Awaitable[tuple[Snapshot, list[list[int]]]]]


class CounterContext:
    """Context of an operation, with a read of the database in place of loaders."""

    viewer_key = ""

    def __init__(self, read: Read, cache: Cache | None) -> None:
        self.cache = cache
        self.read = read
        self.bound = SnapshotBound(None)
        self.fences_version: bytes | None = None
        self.taken: list[Taken] | None = None

    def isolated(self, bound: SnapshotBound, *, public: bool) -> Self:
        context = type(self)(self.read, None)
        context.bound = bound
        return context


async def _writes(parents: Sequence[int], info: Info) -> list[list[int]]:
    context: CounterContext = info.context
    snapshot, values = await context.read(parents)
    context.bound.note(snapshot)
    return values


RESOLVE = cached(
    _writes,
    CachePolicy(
        ttl_seconds=TTL_SECONDS,
        scope=CacheScope.PUBLIC,
        tags=lambda key, _: (tag_of(key),),
        key=lambda parent: parent,
        value_type=list[int],
    ),
)
