"""The lease: the cache is believed only as long as somebody raises fences for all writers.

Whoever writes through the application raises fences itself. For all others (psql, another program,
an application that could not reach Redis) the relay does, out of the change log. Each of its passes
that found everything raised renews the lease, counted from when the pass began; so a write that
nobody announced is seen by readers at most one lease later, and if the relay dies or Redis cannot
hear it, the cache is not believed at all.
"""

from collections.abc import Callable, Iterable, Sequence

from weft.cache.cache import fence_key
from weft.cache.filler import DrawId
from weft.cache.steps import Store
from weft.changes.change import Change
from weft.changes.outage import Outage
from weft.errors import WeftError

TagsOf = Callable[[Change], Iterable[str]]


class FenceRelay:
    """What the relay does for the cache, while it leads."""

    def __init__(self, store: Store, draw_id: DrawId, tags_of: TagsOf) -> None:
        """`tags_of` gives the tags that a change touches."""
        self._store = store
        self._draw_id = draw_id
        self._tags_of = tags_of
        self._is_granted = False
        self._outage = Outage("redis", "lease")

    def lead(self) -> None:
        """To be called when the relay begins to lead: what another raised or not is not known."""
        self._is_granted = False

    async def begin(self) -> int | None:
        """To be called before each pass over the log; what it gives is for `passed`.

        The time is that of Redis, and leases end by its clock at a time that is fixed now: so no
        renewal that comes late, because a process or Redis was stopped, can last longer.
        """
        try:
            return await self._store.time_ms()
        except WeftError as error:
            self._lost(error)
            return None

    async def passed(
        self, began_at_ms: int | None, changes: Sequence[Change], *, is_all: bool
    ) -> None:
        """To be called after each pass, before its changes are told; `is_all`: nothing is left."""
        if began_at_ms is None:
            return
        try:
            await self._raise(changes)
            if is_all:
                await self._prolong(began_at_ms + self._store.limits.lease_ms)
            self._outage.answered()
        except WeftError as error:
            self._lost(error)

    def _lost(self, error: WeftError) -> None:
        # Nobody knows what was raised: nothing that is cached now will count.
        self._is_granted = False
        self._outage.failed(error)

    async def _raise(self, changes: Sequence[Change]) -> None:
        by_transaction: dict[int, set[bytes]] = {}
        for change in changes:
            keys = by_transaction.setdefault(change.xid, set())
            keys.update(map(fence_key, self._tags_of(change)))
        for transaction_id, keys in by_transaction.items():
            if keys:
                await self._store.raise_fences(sorted(keys), transaction_id)

    async def _prolong(self, until_ms: int) -> None:
        if self._is_granted and await self._store.renew_lease(until_ms):
            return
        await self._store.grant_lease(await self._draw_id(), until_ms)
        self._is_granted = True
