"""The cache of one process: what counts of a level's entries, and where new values go."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from weft.cache.entry import NOTHING, Codec, Entries, Entry
from weft.cache.errors import CacheUnavailable
from weft.cache.fence import DIGITS, is_whole
from weft.cache.filler import Fill, Filler
from weft.cache.policy import CachePolicy
from weft.cache.report import Report
from weft.cache.steps import Store
from weft.cache.store import LEASE_KEY

MAX_ENTRIES = 100_000
WAIT_STEP_SECONDS = 0.003

encode_key = msgspec.json.Encoder(order="sorted").encode


class Cache:
    """Made once for a process; `None` in its place turns caching off.

    `strict` makes a field that is PUBLIC and reads the viewer fail; else it is answered and not
    stored. `wall_clock` is the time that all machines share, in seconds.
    """

    def __init__(
        self,
        store: Store,
        filler: Filler,
        *,
        strict: bool = False,
        wall_clock: Callable[[], float] = time.time,
        max_entries: int = MAX_ENTRIES,
    ) -> None:
        self.strict = strict
        self.counts = Report()
        self._store = store
        self._filler = filler
        self._wall_clock = wall_clock
        self._entries = Entries(max_entries)

    def entries(
        self,
        policy: CachePolicy,
        coordinate: str,
        variant: tuple[str, bytes],
        keys: Sequence[Any],
        arguments: Mapping[str, Any],
        shape: str,
    ) -> list[Entry]:
        """The entry of each key; `variant` is the viewer and the arguments, where they matter."""
        entries: list[Entry] = []
        for key in keys:
            name = (coordinate, variant, key)
            entry = self._entries.get(name)
            if entry is None:
                tags = policy.tags(key, arguments)
                viewer, given = variant
                text = key if isinstance(key, int | str) else encode_key(key).decode()
                group = group_of(tags[0])
                value_key = f"v:{{{group}}}:{coordinate}:{shape}:{text}:{viewer}:".encode() + given
                entry = self._entries.add(name, Entry(value_key, tuple(map(fence_key, tags))))
            entries.append(entry)
        return entries

    async def look_up(
        self, entries: Sequence[Entry], codec: Codec, keys: Sequence[Any], arguments: Any
    ) -> tuple[list[Any], int] | None:
        """The values that count, NOTHING for the others, and how many a fence rejected.

        None if the cache cannot be asked or must not be believed now. What this process keeps is
        asked for again if it does not count: another may have stored a newer one.
        """
        now = self._wall_clock()
        in_memory = [entry.expires_at > now for entry in entries]
        values = await self._counting(entries, codec, keys, arguments, now)
        if values is None:
            return None
        if NOTHING not in values:
            return values, 0
        rejected = [
            place
            for place, value in enumerate(values)
            if value is NOTHING and entries[place].value is not NOTHING
        ]
        again = [place for place in rejected if in_memory[place]]
        if again:
            for place in again:
                entries[place].forget()
            newer = await self._counting(
                [entries[place] for place in again],
                codec,
                [keys[place] for place in again],
                arguments,
                now,
            )
            for place, value in zip(again, newer or (), strict=False):
                values[place] = value
        return values, sum(values[place] is NOTHING for place in rejected)

    async def _counting(
        self,
        entries: Sequence[Entry],
        codec: Codec,
        keys: Sequence[Any],
        arguments: Any,
        now: float,
    ) -> list[Any] | None:
        wanted: dict[bytes, None] = {LEASE_KEY: None}
        for entry in entries:
            if entry.expires_at <= now:
                wanted[entry.value_key] = None
            for fence_key in entry.fence_keys:
                wanted[fence_key] = None
        try:
            answers = await self._store.read(list(wanted))
        except CacheUnavailable:
            return None
        # By key, not by place: entries are every operation's, and others fill them meanwhile.
        found = dict(zip(wanted, answers, strict=True))
        lease = found[LEASE_KEY]
        if not is_whole(lease):
            return None
        values: list[Any] = []
        for entry, key in zip(entries, keys, strict=True):
            if entry.expires_at <= now and entry.value_key in found:
                self._take(entry, found[entry.value_key], codec, key, arguments)
            xmin, counts = entry.xmin, lease < entry.xmin
            for fence_key in entry.fence_keys:
                fence = found[fence_key]
                if not (fence and len(fence) == DIGITS and fence < xmin and fence.isdigit()):
                    counts = False
            values.append(entry.value if counts and entry.expires_at > now else NOTHING)
        return values

    def _take(
        self, entry: Entry, stored: bytes | None, codec: Codec, key: Any, arguments: Any
    ) -> None:
        """Keeps what Redis has, if it is what this release writes."""
        entry.forget()
        decoded = stored and codec.decode(stored, key, arguments)
        if decoded:
            xmin, read_at, value = decoded
            entry.keep(value, xmin, read_at + codec.ttl_seconds)

    async def claim(self, entries: Sequence[Entry], life_ms: int) -> list[bool]:
        """Which of the values are the caller's to compute; all, if the cache cannot be asked."""
        try:
            return await self._store.claim([entry.claim_key for entry in entries], life_ms)
        except CacheUnavailable:
            return [True] * len(entries)

    async def wait_for(
        self,
        entries: Sequence[Entry],
        codec: Codec,
        keys: Sequence[Any],
        arguments: Any,
        wait_ms: int,
    ) -> list[Any]:
        """The values that others compute; NOTHING where none came that counts."""
        values: list[Any] = [NOTHING] * len(entries)
        left = list(range(len(entries)))
        try:
            async with asyncio.timeout(wait_ms / 1000):
                while left:
                    await asyncio.sleep(WAIT_STEP_SECONDS)
                    claims = await self._store.read([entries[place].claim_key for place in left])
                    # After the claims: who gives one up has stored the value before.
                    found = await self.look_up(
                        [entries[place] for place in left],
                        codec,
                        [keys[place] for place in left],
                        arguments,
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
        """Stores new values, after whoever waits for them was answered."""
        self._filler.offer(fills)

    def now(self) -> float:
        """The time that all machines share, in seconds."""
        return self._wall_clock()

    def clear(self) -> None:
        """Forgets what this process keeps; what Redis keeps stays."""
        self._entries.clear()


def group_of(tag: str) -> str:
    """What of a tag decides where in a cluster it lives: all before its last dot."""
    return tag.rpartition(".")[0]


def fence_key(tag: str) -> bytes:
    """The key of a tag's fence."""
    group, _, name = tag.rpartition(".")
    return f"f:{{{group}}}.{name}".encode()
