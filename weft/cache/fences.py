"""Raising fences before a COMMIT: what becomes of a write when Redis cannot be reached."""

from collections.abc import Callable, Iterable
from typing import Literal

from weft.cache.cache import fence_key
from weft.cache.errors import CacheUnavailable
from weft.cache.limits import LEASE_MARGIN_MS
from weft.cache.steps import Store
from weft.errors import Unavailable

WhenUnreachable = Literal["available", "strict"]


class WriteFences:
    """What the one place that writes calls.

    `available` commits although Redis cannot be reached, and acknowledges one lease later: by then
    the relay has raised the fences out of the change log, or nobody believes the cache. `strict`
    refuses the write, which may be tried again.
    """

    def __init__(
        self,
        store: Store,
        when_unreachable: WhenUnreachable,
        forget: Callable[[], None] = lambda: None,
    ) -> None:
        """`forget` is called when the database turns out to be another one."""
        self._store = store
        self._when_unreachable = when_unreachable
        self._forget = forget

    def use_database(self, name: str) -> None:
        """Values and fences are kept apart from those of every other database."""
        if name != self._store.database:
            self._store.database = name
            self._forget()

    async def raise_before_commit(self, tags: Iterable[str], transaction_id: int) -> float:
        """When the transaction may commit: how many seconds after that it may be acknowledged.

        Unavailable if it must not commit.
        """
        try:
            await self._store.raise_fences(dict.fromkeys(map(fence_key, tags), transaction_id))
        except CacheUnavailable as error:
            if self._when_unreachable == "strict":
                raise Unavailable("The cache could not be told of this write.") from error
            return (self._store.limits.lease_ms + LEASE_MARGIN_MS) / 1000
        return 0
