"""What the machine of `interleaved` caches: how often each counter was written, and by whom."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Self

from tests.weft.cache.driven import Database
from weft.cache.answers import Taken
from weft.cache.bound import SnapshotBound
from weft.cache.cache import Cache
from weft.cache.field import cached
from weft.cache.filler import Fill, Filler
from weft.cache.policy import CachePolicy, Scope
from weft.info import Info

TTL_SECONDS = 10


def tag_of(key: int) -> str:
    return f"Counter:{key}.writes"


class DrivenFiller(Filler):
    """Stores at once, as a call of its own."""

    start: Callable[[Coroutine[Any, Any, Any]], None]

    def offer(self, fills: Sequence[Fill]) -> None:
        self.start(_tolerant(self.store(fills)))


async def _tolerant(work: Coroutine[Any, Any, Any]) -> None:
    try:
        await work
    except Exception as error:
        if type(error).__name__ != "CacheUnavailable":
            raise


class CounterContext:
    """An operation's, with a database in place of loaders."""

    viewer_key = ""

    def __init__(self, database: Database, cache: Cache | None) -> None:
        self.cache = cache
        self.database = database
        self.bound = SnapshotBound()
        self.fences_version: bytes | None = None
        self.taken: list[Taken] | None = None

    def isolated(self, bound: SnapshotBound, *, public: bool) -> Self:
        context = type(self)(self.database, None)
        context.bound = bound
        return context


async def _writes(parents: Sequence[int], info: Info) -> list[list[int]]:
    context: CounterContext = info.context
    xmin, values = await context.database.ask(lambda: context.database.read(parents))
    context.bound.note(xmin)
    return values


RESOLVE = cached(
    _writes,
    CachePolicy(
        ttl_seconds=TTL_SECONDS,
        scope=Scope.PUBLIC,
        tags=lambda key, _: (tag_of(key),),
        key=lambda parent: parent,
        value_type=list[int],
    ),
)
