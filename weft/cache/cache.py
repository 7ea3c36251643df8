"""The cache of one process: looks up the valid values of a level, and stores new ones."""

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import msgspec

from weft.bounds import CACHED_VALUES
from weft.cache.answers import Answers, Taken
from weft.cache.entry import NOTHING, Codec, Entries, Entry
from weft.cache.errors import CacheUnavailable
from weft.cache.filler import Fill, Filler
from weft.cache.keys import Keys
from weft.cache.policy import CachePolicy
from weft.cache.report import Report
from weft.cache.steps import Store
from weft.cache.validity import Reader, Validity

WAIT_STEP_SECONDS = 0.003


class Cache:
    """The cache of one process, made once; `None` in its place turns caching off.

    `strict` makes a field fail that is PUBLIC and reads the viewer; otherwise its value is returned
    and not stored. `wall_clock` gives the time that all machines share, in seconds. The process
    keeps at most `memory_bytes` of values.
    """

    def __init__(
        self,
        store: Store,
        filler: Filler,
        *,
        strict: bool = False,
        wall_clock: Callable[[], float] = time.time,
        memory_bytes: int = CACHED_VALUES.max_bytes,
    ) -> None:
        self.strict = strict
        self.counts = Report()
        self._store = store
        self._filler = filler
        self._wall_clock = wall_clock
        self.kept = Entries(CACHED_VALUES.of(memory_bytes), wall_clock)
        self._judge = Validity(store, self.kept, wall_clock)
        self._answers = Answers(wall_clock)

    def entries(
        self,
        policy: CachePolicy,
        coordinate: str,
        variant: tuple[str, bytes],
        keys: Sequence[Any],
        arguments: Mapping[str, Any],
        shape: str,
    ) -> list[Entry]:
        """Returns the entry of each key, in order; adds those that are missing.

        `variant` is the viewer and the arguments, where they matter.
        """
        names = [(coordinate, variant, key) for key in keys]
        entries: list[Any] = self.kept.get_all(names)
        for place, entry in enumerate(entries):
            if entry is None:
                tags = policy.tags(keys[place], arguments)
                entries[place] = self.kept.add(names[place], tags, shape)
        return entries

    async def look_up(
        self,
        entries: Sequence[Entry],
        codec: Codec,
        keys: Sequence[Any],
        arguments: Any,
        reader: Reader,
    ) -> tuple[list[Any], int] | None:
        """Returns valid values, NOTHING for the others, and how many a fence rejected.

        None if the cache cannot be reached, or must not be used now.
        """
        try:
            return await self._judge.values(entries, codec, keys, arguments, reader)
        except CacheUnavailable:
            return None

    async def recall(self, key: Hashable, reader: Reader) -> msgspec.Raw | None:
        """Returns the whole answer under this key if it is still valid, else None."""
        try:
            version = await self._judge.version(reader, self.kept.keys)
        except CacheUnavailable:
            return None
        answer = self._answers.find(key, version)
        if answer is None:
            return None
        for coordinate, count in answer.hits:
            self.counts.add(coordinate, hits=count)
        return answer.data

    def keep(self, key: Hashable, reader: Reader, taken: Sequence[Taken], data: bytes) -> None:
        """Keeps an answer for which no field had to be loaded beside those in `taken`.

        The key names the operation, its variables, and everything about the viewer that can change
        an answer. It consists of texts and numbers, and its bytes are counted.
        """
        self._answers.keep(key, reader.fences_version, taken, data)

    async def claim(self, entries: Sequence[Entry], life_ms: int) -> list[bool]:
        """Returns whether the caller shall compute each value; all if Redis cannot be reached."""
        try:
            return await self._store.claim(_claims(entries), life_ms)
        except CacheUnavailable:
            return [True] * len(entries)

    async def wait_for(
        self,
        entries: Sequence[Entry],
        codec: Codec,
        keys: Sequence[Any],
        arguments: Any,
        reader: Reader,
        wait_ms: int,
    ) -> list[Any]:
        """Waits for values that others compute; NOTHING where no valid one came in `wait_ms`."""
        values: list[Any] = [NOTHING] * len(entries)
        left = list(range(len(entries)))
        try:
            async with asyncio.timeout(wait_ms / 1000):
                while left:
                    await asyncio.sleep(WAIT_STEP_SECONDS)
                    claims = await self._store.read(_claims([entries[place] for place in left]))
                    # Read after the claims: a value is stored before its claim is released.
                    found = await self.look_up(
                        [entries[place] for place in left],
                        codec,
                        [keys[place] for place in left],
                        arguments,
                        reader,
                    )
                    for place, value in zip(left, found[0] if found else (), strict=False):
                        values[place] = value
                    left = [
                        place
                        for place, claim in zip(left, claims, strict=True)
                        if claim and values[place] is NOTHING and found
                    ]
        except (CacheUnavailable, TimeoutError):
            pass
        return values

    def offer(self, fills: Sequence[Fill]) -> None:
        """Queues new values, to be stored in the background; no response waits for that."""
        self._filler.offer(fills)

    def now(self) -> float:
        """The time that all machines share, in seconds."""
        return self._wall_clock()

    def use_history(self, history: str) -> None:
        """Makes operations that begin from now on use the values of this database history."""
        if self.kept.keys is None or self.kept.keys.history != history:
            self.kept.keys = Keys(history)
            self.clear()

    def clear(self) -> None:
        """Evicts all values of this process; those in Redis stay."""
        self.kept.clear()
        self._answers.clear()


def _claims(entries: Sequence[Entry]) -> list[bytes]:
    return [entry.keys.claim(entry.value_key) for entry in entries if entry.keys is not None]
