"""Raises fences before a COMMIT, and decides about a write when Redis cannot be reached."""

from collections.abc import Callable, Iterable
from typing import Literal

from weft.cache.errors import CacheUnavailable
from weft.cache.keys import Keys
from weft.cache.limits import LEASE_MARGIN_MS
from weft.cache.steps import Store
from weft.errors import Unavailable

WhenUnreachable = Literal["available", "strict"]


class WriteFences:
    """Raises the fences of a write; called from the one place that writes.

    `available` commits although Redis cannot be reached, and acknowledges one lease later: by then
    the relay has raised the fences from the change log, or no cached value is used. `strict`
    refuses the write, which can be retried.
    """

    def __init__(
        self,
        store: Store,
        when_unreachable: WhenUnreachable,
        use_history: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`use_history` is called for each new connection: see `Cache.use_history`."""
        self._store = store
        self._when_unreachable = when_unreachable
        self.use_history = use_history
        self._keys: Keys | None = None

    async def raise_before_commit(
        self, history: str | None, tags: Iterable[str], transaction_id: int
    ) -> float:
        """Raises fences; returns how many seconds after its COMMIT the write may be acknowledged.

        `history` is that of the transaction's own connection, None if it is not known. Raises
        Unavailable if the transaction must not commit.
        """
        try:
            if history is None:
                raise CacheUnavailable("The history of the database is not known.")
            if self._keys is None or self._keys.history != history:
                self._keys = Keys(history)
            await self._store.raise_fences(self._keys, dict.fromkeys(tags, transaction_id))
        except CacheUnavailable as error:
            if self._when_unreachable == "strict":
                raise Unavailable("The cache could not be told of this write.") from error
            return (self._store.limits.lease_ms + LEASE_MARGIN_MS) / 1000
        return 0
