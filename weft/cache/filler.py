"""Stores new values in Redis in the background, one pipeline at a time, or drops them."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from weft.bounds import FILLS
from weft.cache.fence import is_whole
from weft.cache.steps import Store
from weft.errors import WeftError
from weft.memory_weight import weight_of

OVERHEAD_BYTES = 500
"""Bytes that a waiting fill takes beside its encoded value and its keys."""
MAX_BATCH = 50
FENCE_LIVES = 2
"""How long a fence is kept after values were stored, in lifetimes of these values. So they do not
outlive it, and it still exists when values that are read often are stored the next time."""
GATHER_SECONDS = 0.002
"""Batch window of fills; it also lets the response that computed a value be sent first."""

DrawId = Callable[[str], Awaitable[int]]
"""Returns a new transaction id of the named history, drawn after the call.

Raises Unavailable if the database has another history by now.
"""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Fill:
    """An encoded value to be stored, which was read in a snapshot of this `xmin`.

    Without `stored` it only ends the claim of a value that is not kept. `life_seconds` is the
    lifetime of such values. `history` names the database history of `xmin` and the keys.
    """

    history: str
    value_key: bytes
    fence_keys: tuple[bytes, ...]
    stored: bytes | None
    xmin: bytes
    expires_at: float
    life_seconds: float
    claim_key: bytes | None = None
    """The claim to end, if one was made so that others wait for this value."""

    @property
    def weight_bytes(self) -> int:
        """Bytes that the fill takes while it waits."""
        return (
            OVERHEAD_BYTES + len(self.stored or b"") + weight_of((self.value_key, self.fence_keys))
        )


class Filler:
    """Stores values whose fences are whole, and makes their fences whole.

    A tag that is read for the first time takes two misses: after the first its fence is made, open,
    and made whole by a transaction id drawn after that; so a value read before is not valid yet.
    """

    def __init__(
        self, store: Store, draw_id: DrawId, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._draw_id = draw_id
        self._wall_clock = wall_clock
        self._waiting: list[Fill] = []
        self._waiting_bytes = 0
        self._work: asyncio.Task[None] | None = None

    def offer(self, fills: Sequence[Fill]) -> None:
        """Queues the fills there is room for and drops the others; never waits, never raises."""
        for fill in fills:
            if self._waiting_bytes + fill.weight_bytes <= FILLS.max_bytes:
                self._waiting.append(fill)
                self._waiting_bytes += fill.weight_bytes
        if self._work is None and self._waiting:
            self._work = asyncio.create_task(self._store_waiting())

    async def _store_waiting(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(GATHER_SECONDS)
                batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                self._waiting_bytes -= sum(fill.weight_bytes for fill in batch)
                await self.store(batch)
        except WeftError:
            self._drop_waiting()  # Redis or the database is away; later values are stored
        except Exception:
            self._drop_waiting()
            _log.exception("cache_fill_failed")
        finally:
            self._work = None

    def _drop_waiting(self) -> None:
        self._waiting.clear()
        self._waiting_bytes = 0

    async def store(self, batch: Sequence[Fill]) -> None:
        """Stores those that are valid; Unavailable if Redis or the database cannot be reached."""
        kept = [fill for fill in batch if fill.stored is not None]
        fences: dict[bytes, bytes] = {}
        for history in {fill.history for fill in kept}:  # one, unless the history just changed
            of_history = [fill for fill in kept if fill.history == history]
            fences |= await self._whole_fences(history, of_history)
        entries: list[tuple[bytes, bytes, int]] = []
        for fill in kept:
            found = [fences[key] for key in fill.fence_keys]
            life_ms = int((fill.expires_at - self._wall_clock()) * 1000)
            counts = all(is_whole(fence) and fence < fill.xmin for fence in found)
            if life_ms > 0 and counts and fill.stored is not None:
                entries.append((fill.value_key, fill.stored, life_ms))
        if entries:
            await self._store.write(entries)
        claims = [fill.claim_key for fill in batch if fill.claim_key]
        if claims:
            await self._store.release(claims)

    async def _whole_fences(self, history: str, fills: Sequence[Fill]) -> dict[bytes, bytes]:
        keys = list(dict.fromkeys(key for fill in fills for key in fill.fence_keys))
        token = secrets.token_hex(8).encode()
        life_ms = int(FENCE_LIVES * max(fill.life_seconds for fill in fills) * 1000)
        found = await self._store.ensure_fences(keys, token, life_ms)
        seen = dict(zip(keys, found, strict=True))
        still_open = [key for key, fence in seen.items() if not is_whole(fence)]
        if still_open:
            # Drawn only after the fences exist: the proof in `weft.cache.fence` rests on it.
            drawn = await self._draw_id(history)
            fences = [seen[key] for key in still_open]
            whole = await self._store.make_whole(still_open, fences, drawn)
            seen.update(zip(still_open, whole, strict=True))
        return seen

    async def settle(self) -> None:
        """Waits until all queued fills are stored or dropped."""
        while self._work is not None:
            await asyncio.shield(self._work)

    async def aclose(self) -> None:
        """Drops all queued fills, and cancels what is being stored."""
        self._drop_waiting()
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
