"""Fills: new values go to Redis in the background, a pipeline at a time, or not at all."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from weft.cache.entry import Codec, Entry
from weft.cache.fence import is_whole
from weft.cache.steps import Store
from weft.errors import WeftError

MAX_WAITING = 10_000
MAX_BATCH = 50
GATHER_SECONDS = 0.002
"""How long a value waits for others, and for its own answer to be sent."""

DrawId = Callable[[], Awaitable[int]]
"""A transaction id that nobody had before, drawn after the call."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Fill:
    """A value to be stored: read at `read_at`, in a snapshot of this `xmin`."""

    entry: Entry
    value: Any
    xmin: bytes
    read_at: float
    codec: Codec
    is_claimed: bool = False
    """Whether others wait for it."""


class Filler:
    """Stores values whose fences are whole, and sees to it that they become so.

    A tag that is read for the first time takes two misses: after the first its fence is made, open,
    and made whole by a transaction id drawn after that; so what was read before cannot count yet.
    """

    def __init__(
        self, store: Store, draw_id: DrawId, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._draw_id = draw_id
        self._wall_clock = wall_clock
        self._waiting: list[Fill] = []
        self._work: asyncio.Task[None] | None = None

    def offer(self, fills: Sequence[Fill]) -> None:
        """Takes what there is room for; never waits, never fails."""
        room = MAX_WAITING - len(self._waiting)
        self._waiting += fills[:room]
        if self._work is None and self._waiting:
            self._work = asyncio.create_task(self._store_waiting())

    async def _store_waiting(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(GATHER_SECONDS)
                batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                await self.store(batch)
        except WeftError:
            self._waiting.clear()  # neither store keeps anybody waiting, and later values come
        except Exception:
            self._waiting.clear()
            _log.exception("cache_fill_failed")
        finally:
            self._work = None

    async def store(self, batch: Sequence[Fill]) -> None:
        """Stores what may count, at once; CacheUnavailable if Redis cannot be reached."""
        keys = list(dict.fromkeys(key for fill in batch for key in fill.entry.fence_keys))
        fences = await self._whole_fences(keys)
        entries: list[tuple[bytes, bytes, int]] = []
        for fill in batch:
            found = [fences[key] for key in fill.entry.fence_keys]
            age_seconds = self._wall_clock() - fill.read_at
            life_ms = int((fill.codec.ttl_seconds - age_seconds) * 1000)
            if life_ms > 0 and all(is_whole(fence) and fence < fill.xmin for fence in found):
                stored = fill.codec.encode(fill.value, fill.xmin, fill.read_at)
                entries.append((fill.entry.value_key, stored, life_ms))
        if entries:
            await self._store.write(entries)
        claims = [fill.entry.claim_key for fill in batch if fill.is_claimed]
        if claims:
            await self._store.release(claims)

    async def _whole_fences(self, keys: list[bytes]) -> dict[bytes, bytes]:
        token = secrets.token_hex(8).encode()
        seen = dict(zip(keys, await self._store.ensure_fences(keys, token), strict=True))
        still_open = [key for key, fence in seen.items() if not is_whole(fence)]
        if still_open:
            # Drawn only now, when the fences are known to be there: the proof rests on it.
            drawn = await self._draw_id()
            fences = [seen[key] for key in still_open]
            whole = await self._store.make_whole(still_open, fences, drawn)
            seen.update(zip(still_open, whole, strict=True))
        return seen

    async def settle(self) -> None:
        """Returns when nothing waits to be stored."""
        while self._work is not None:
            await asyncio.shield(self._work)

    async def aclose(self) -> None:
        """Drops what waits."""
        self._waiting.clear()
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
