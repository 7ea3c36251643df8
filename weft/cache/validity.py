"""Decides which cached entries are valid: by their fences, or by an unchanged global version.

The *version* of all fences is a number in Redis that every raise of fences changes, in the same
step (`weft.cache.scripts.RAISE`), and that is never used twice. An entry that was valid in a
version stays valid in it: see `weft.cache.fence`. So while nothing is written, each operation reads
this number once, instead of the fences of all entries.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from weft.cache.entry import NOTHING, Codec, Entries, Entry
from weft.cache.errors import CacheUnavailable
from weft.cache.fence import DIGITS, is_whole
from weft.cache.keys import Keys
from weft.cache.steps import Store

CALM = 0.5
"""Read the version first once more than this share of recent entries was valid in it."""
MOMENTUM = 0.8


class Reader(Protocol):
    """An operation; `fences_version` was read after it began and, if it writes, after it wrote."""

    fences_version: bytes | None


class Validity:
    """Reads what it needs from Redis to decide which entries are valid."""

    def __init__(self, store: Store, kept: Entries, wall_clock: Callable[[], float]) -> None:
        """Values read from Redis are kept in `kept`."""
        self._store = store
        self._kept = kept
        self._wall_clock = wall_clock
        self._calmness = 0.0

    async def values(
        self,
        entries: Sequence[Entry],
        codec: Codec,
        keys: Sequence[Any],
        arguments: Any,
        reader: Reader,
    ) -> tuple[list[Any], int]:
        """Returns valid values, NOTHING for the others, and how many a fence rejected.

        Raises CacheUnavailable if the cache cannot be reached, or must not be used now.
        """
        now = self._wall_clock()
        version = await self.version(reader, entries[0].keys)
        values = _counting_in(version, entries, now)
        if version is not None:
            self._learn(len(values) - values.count(NOTHING), len(values))
        if NOTHING not in values:
            return values, 0
        left = [place for place, value in enumerate(values) if value is NOTHING]
        if len(left) < len(entries):
            entries, keys = [entries[place] for place in left], [keys[place] for place in left]
        found, rejected = await self._by_fences(entries, codec, keys, arguments, reader, now)
        for place, value in zip(left, found, strict=True):
            values[place] = value
        return values, rejected

    async def version(self, reader: Reader, keys: Keys | None) -> bytes | None:
        """Returns the reader's version, reading it now where that is likely to pay; or None.

        Raises CacheUnavailable if the cache cannot be reached, or must not be used now.
        """
        if keys is None:
            raise CacheUnavailable("The database is not known yet.")
        if reader.fences_version is None and self._calmness > CALM:
            lease, number = await self._store.read([keys.lease, keys.version])
            reader.fences_version = _version_of(_believed(lease), number)
        return reader.fences_version

    def _learn(self, known: int, asked: int) -> None:
        self._calmness = MOMENTUM * self._calmness + (1 - MOMENTUM) * known / asked

    async def _by_fences(
        self,
        entries: Sequence[Entry],
        codec: Codec,
        keys: Sequence[Any],
        arguments: Any,
        reader: Reader,
        now: float,
    ) -> tuple[list[Any], int]:
        """Judges entries by their fences, which it reads together with missing values.

        A value that this process kept and that is invalid is read from Redis in a second step,
        since another process may have stored a newer one.
        """
        in_memory = [entry.expires_at > now for entry in entries]
        values = await self._judged(entries, codec, keys, arguments, reader, now)
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
            newer = await self._judged(
                [entries[place] for place in again],
                codec,
                [keys[place] for place in again],
                arguments,
                reader,
                now,
            )
            for place, value in zip(again, newer, strict=True):
                values[place] = value
        return values, sum(values[place] is NOTHING for place in rejected)

    async def _judged(
        self,
        entries: Sequence[Entry],
        codec: Codec,
        keys: Sequence[Any],
        arguments: Any,
        reader: Reader,
        now: float,
    ) -> list[Any]:
        of_all = entries[0].keys  # the entries of one call have one history
        assert of_all is not None
        wanted: dict[bytes, None] = {of_all.lease: None, of_all.version: None}
        for entry in entries:
            if entry.expires_at <= now:
                wanted[entry.value_key] = None
            for fence_key in entry.fence_keys:
                wanted[fence_key] = None
        answers = await self._store.read(list(wanted))
        # By key, not by place: operations share entries, and others may fill them meanwhile.
        found = dict(zip(wanted, answers, strict=True))
        lease = _believed(found[of_all.lease])
        version = _version_of(lease, found[of_all.version])
        if reader.fences_version is None:
            known = _counting_in(version, entries, now)
            self._learn(len(known) - known.count(NOTHING), len(known))
        reader.fences_version = version
        values: list[Any] = []
        for entry, key in zip(entries, keys, strict=True):
            if entry.expires_at <= now and entry.value_key in found:
                take(self._kept, entry, found[entry.value_key], codec, key, arguments)
            xmin, counts = entry.xmin, lease < entry.xmin
            for fence_key in entry.fence_keys:
                fence = found[fence_key]
                if not (fence and len(fence) == DIGITS and fence < xmin and fence.isdigit()):
                    counts = False
            entry.counted_in = version if counts else None
            values.append(entry.value if counts and entry.expires_at > now else NOTHING)
        return values


def _counting_in(version: bytes | None, entries: Sequence[Entry], now: float) -> list[Any]:
    """Returns the values known to be valid in a version, NOTHING for the others."""
    if version is None:
        return [NOTHING] * len(entries)
    return [
        entry.value if entry.counted_in == version and entry.expires_at > now else NOTHING
        for entry in entries
    ]


def _believed(lease: bytes | None) -> bytes:
    """Returns the lease; raises CacheUnavailable if there is none that is whole."""
    if not is_whole(lease):
        raise CacheUnavailable("There is no lease.")
    return lease


def _version_of(lease: bytes, number: bytes | None) -> bytes | None:
    """Returns the version; None in a cluster, and while a lost number is not made yet."""
    return lease + number if number else None


def take(
    kept: Entries, entry: Entry, stored: bytes | None, codec: Codec, key: Any, arguments: Any
) -> None:
    """Replaces the entry's value by that in Redis; by none if this release did not write it."""
    entry.forget()
    decoded = stored and codec.decode(stored, key, arguments)
    if stored and decoded:
        xmin, read_at, value = decoded
        kept.keep(entry, value, xmin, read_at + codec.ttl_seconds, len(stored))
