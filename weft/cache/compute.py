"""Computes and stores the values that a cached resolver did not find in the cache."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from weft.cache.cache import Cache
from weft.cache.context import CachingContext
from weft.cache.entry import NOTHING, Codec, Entry
from weft.cache.fence import number
from weft.cache.filler import Fill
from weft.cache.keys import Keys
from weft.cache.policy import CachePolicy, CacheScope
from weft.cache.snapshot_bound import SnapshotBound
from weft.declare.info import Info

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Computation:
    """One call of a cached resolver; `values` are in the order of the parents."""

    resolver: Callable[..., Any]
    policy: CachePolicy
    codec: Codec
    cache: Cache
    context: CachingContext
    coordinate: str
    parents: Sequence[Any]
    arguments: Mapping[str, Any]
    keys: Sequence[Any]
    entries: Sequence[Entry]
    values: list[Any]

    async def compute(
        self, places: Sequence[int], *, is_stored: bool = True, is_claimed: bool = False
    ) -> None:
        """Computes the values at these places, with new loaders, which have nothing loaded yet."""
        if not places:
            return
        keys = self.entries[0].keys
        bound, read_at = SnapshotBound(keys and keys.history), self.cache.now()
        context = self.context.isolated(bound, public=self.policy.scope is CacheScope.PUBLIC)
        parents = [self.parents[place] for place in places]
        computed = await finished(
            self.resolver(parents, Info(context, self.coordinate), **self.arguments)
        )
        for place, value in zip(places, computed, strict=True):
            self.values[place] = value
        if is_stored and bound.known and keys is not None:
            self._store(places, keys, number(bound.xmin), read_at, is_claimed=is_claimed)

    async def compute_once(self, places: Sequence[int]) -> None:
        """Computes the values that no other call computes now, and waits for the others.

        Then computes those that did not come in `once_ms`.
        """
        entries = [self.entries[place] for place in places]
        claimed = await self.cache.claim(entries, self.policy.once_ms)
        ours = [place for place, is_ours in zip(places, claimed, strict=True) if is_ours]
        theirs = [place for place, is_ours in zip(places, claimed, strict=True) if not is_ours]
        await self.compute(ours, is_claimed=True)
        if theirs:
            found = await self.cache.wait_for(
                [self.entries[place] for place in theirs],
                self.codec,
                [self.keys[place] for place in theirs],
                self.arguments,
                self.context,
                self.policy.once_ms,
            )
            for place, value in zip(theirs, found, strict=True):
                self.values[place] = value
            await self.compute([place for place in theirs if self.values[place] is NOTHING])

    def _store(
        self, places: Sequence[int], keys: Keys, xmin: bytes, read_at: float, *, is_claimed: bool
    ) -> None:
        fills: list[Fill] = []
        only_repeated = self.policy.if_repeated(self.arguments)
        expires_at = read_at + self.codec.ttl_seconds
        for place in places:
            entry, value = self.entries[place], self.values[place]
            if isinstance(value, Exception):
                continue
            is_kept = entry.was_computed or not only_repeated
            entry.was_computed = True
            stored = self._encoded(place, xmin, read_at) if is_kept else None
            if stored is not None:
                self.cache.kept.keep(entry, value, xmin, expires_at, len(stored))
            claim_key = keys.claim(entry.value_key) if is_claimed else None
            if stored is not None or claim_key is not None:
                of_value = (entry.value_key, entry.fence_keys, stored, xmin, expires_at)
                fills.append(Fill(keys.history, *of_value, self.codec.ttl_seconds, claim_key))
        self.cache.offer(fills)

    def _encoded(self, place: int, xmin: bytes, read_at: float) -> bytes | None:
        """Returns the value encoded for Redis; None if it is not to be kept."""
        value = self.values[place]
        if not self.policy.keeps(self.keys[place], value):
            return None
        try:
            return self.codec.encode(value, xmin, read_at)
        except Exception:
            _log.exception("cache_fill_failed")
            return None


async def finished(answer: Any) -> Any:
    """Returns the answer of a resolver, awaited where it is awaitable."""
    return await answer if inspect.isawaitable(answer) else answer
