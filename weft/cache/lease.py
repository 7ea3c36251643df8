"""The lease: cached values are used only as long as fences are raised for all writers.

Writes through the application raise fences themselves. For all others (psql, another program, an
application that could not reach Redis) the relay raises them, from the change log. Each pass that
leaves all fences raised renews the lease, counted from when the pass began. So readers see a write
that raised no fence at most one lease later; and if the relay dies or cannot reach Redis, no cached
value is used at all.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

from weft.cache.errors import CacheUnavailable
from weft.cache.filler import DrawId
from weft.cache.keys import Keys
from weft.cache.limits import LEASE_MARGIN_MS
from weft.cache.steps import Store
from weft.changes.change import Change
from weft.changes.log import BATCH_LIMIT, Prepare
from weft.changes.outage import Outage
from weft.errors import WeftError

TagsOf = Callable[[Change], Iterable[str]]


class FenceRelay:
    """The relay's work for the cache, while it is the leader."""

    def __init__(
        self,
        store: Store,
        draw_id: DrawId,
        tags_of: TagsOf,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`tags_of` gives the tags that a change touches."""
        self._store = store
        self._draw_id = draw_id
        self._tags_of = tags_of
        self._clock = clock
        self._sleep = sleep
        self._keys: Keys | None = None
        self._is_granted = False
        self._ended_by = 0.0
        self._outage = Outage("redis", "lease")

    def lead(self, history: str | None) -> None:
        """Must be called when the relay begins to lead: which fences others raised is unknown.

        `history` names that of the log; without one no fence is raised, and no lease is granted.
        """
        self._keys = None if history is None else Keys(history)
        self._is_granted = False
        self._expect_lease()

    async def begin(self) -> Prepare:
        """Must be called before each pass over the log; returns what to call with its changes.

        Reads the time of Redis, by whose clock leases end, at a time that is fixed here. So a
        renewal that comes late, because a process or Redis was stopped, does not last longer.
        """
        try:
            if self._keys is None:
                raise CacheUnavailable("The history of the database is not known.")
            return partial(self._raise, self._keys, await self._store.time_ms())
        except WeftError as error:
            self._lost(error)
            return self._until_unbelieved

    async def _raise(self, keys: Keys, began_at_ms: int, changes: Sequence[Change]) -> None:
        """Raises the fences of changes that are not published yet, and renews the lease.

        If that fails, waits until the last lease has ended: readers of the published changes then
        find no cached value.
        """
        try:
            await self._raise_all(keys, changes)
            if len(changes) < BATCH_LIMIT:
                await self._prolong(keys, began_at_ms + self._store.limits.lease_ms)
            self._outage.answered()
        except WeftError as error:
            self._lost(error)
            await self._until_unbelieved(changes)

    async def _until_unbelieved(self, changes: Sequence[Change]) -> None:
        if changes and (seconds := self._ended_by - self._clock()) > 0:
            await self._sleep(seconds)

    def _expect_lease(self) -> None:
        self._ended_by = self._clock() + (self._store.limits.lease_ms + LEASE_MARGIN_MS) / 1000

    def _lost(self, error: WeftError) -> None:
        # Which fences were raised is unknown: the next lease invalidates all that is cached now.
        self._is_granted = False
        self._outage.failed(error)

    async def _raise_all(self, keys: Keys, changes: Sequence[Change]) -> None:
        last: dict[str, int] = {}
        for change in changes:
            for tag in self._tags_of(change):
                if change.xid > last.get(tag, 0):
                    last[tag] = change.xid
        if last:
            await self._store.raise_fences(keys, last)

    async def _prolong(self, keys: Keys, until_ms: int) -> None:
        self._expect_lease()
        if self._is_granted and await self._store.renew_lease(keys, until_ms):
            return
        await self._store.grant_lease(keys, await self._draw_id(keys.history), until_ms)
        self._is_granted = True
