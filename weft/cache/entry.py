"""Entries: what a process keeps of one cached value, and how Redis stores it."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import msgspec

from weft.bounded_cache import BoundedCache
from weft.bounds import Bound
from weft.cache.fence import DIGITS
from weft.cache.keys import Keys
from weft.cache.policy import CachePolicy
from weft.declare.remembered import kept_bytes
from weft.memory_weight import weight_of

NOTHING: Any = object()
"""Stands for a missing value, since a value may be None."""


OVERHEAD_BYTES = 500
"""Bytes that an entry takes beside its keys and its value."""


class Entry:
    """The keys of one value, and the value as this process has it, with its snapshot's `xmin`.

    `name` is its key in this process. The other keys are those in Redis, in one history of the
    database: that of `keys`, which is None as long as no history is known. `keys_bytes` is what the
    entry takes without a value.

    A value that is kept here is checked as one in Redis is. `counted_in` is the version of all
    fences in which it was found valid; None if no such version is known. `was_computed`: whether
    this process has computed the value, kept or not.
    """

    __slots__ = (
        *("counted_in", "expires_at", "fence_keys", "keys", "keys_bytes"),
        *("name", "value", "value_key", "was_computed", "xmin"),
    )

    def __init__(
        self,
        name: Hashable,
        value_key: bytes,
        fence_keys: tuple[bytes, ...],
        keys: Keys | None = None,
    ) -> None:
        self.name = name
        self.keys = keys
        self.value_key = value_key
        self.fence_keys = fence_keys
        self.keys_bytes = OVERHEAD_BYTES + weight_of((name, value_key, fence_keys))
        self.was_computed = False
        self.counted_in: bytes | None
        self.forget()

    def forget(self) -> None:
        """Removes the value."""
        self.value, self.xmin, self.expires_at, self.counted_in = NOTHING, b"", 0.0, None

    def keep(self, value: Any, xmin: bytes, expires_at: float) -> bool:
        """Takes a value unless the entry has one of a newer snapshot; returns whether it did."""
        is_newest = xmin >= self.xmin
        if is_newest:
            self.value, self.xmin, self.expires_at, self.counted_in = value, xmin, expires_at, None
        return is_newest


class Entries:
    """The entries of one process by name. An entry in use may be evicted, and made a second time.

    `keys` are those of the newest history of the database that the process knows; new entries get
    them. An entry of an earlier history may still be in use, but is no longer kept.
    """

    keys: Keys | None = None

    def __init__(self, bound: Bound, wall_clock: Callable[[], float]) -> None:
        self._kept: BoundedCache[Hashable, Entry] = BoundedCache(bound, wall_clock)
        self.get_all = self._kept.get_all
        self.clear = self._kept.clear

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def weight_bytes(self) -> int:
        """Bytes of all entries together."""
        return self._kept.bytes

    def add(
        self, name: tuple[str, tuple[str, bytes], Any], tags: Sequence[str], shape: str
    ) -> Entry:
        """Makes an entry that has no value yet, and keeps it so that all operations share it."""
        keys = self.keys
        if keys is None:
            return Entry(name, b"", ())
        value_key = keys.value(*name, tag=tags[0], shape=shape)
        entry = Entry(name, value_key, keys.fences(tags), keys)
        self._kept.put(name, entry, entry.keys_bytes)
        return entry

    def keep(
        self, entry: Entry, value: Any, xmin: bytes, expires_at: float, encoded_bytes: int
    ) -> None:
        """Gives the entry a value, of `encoded_bytes` in Redis, and keeps the entry."""
        if entry.keep(value, xmin, expires_at) and entry.keys is self.keys:
            weight = entry.keys_bytes + kept_bytes(value, encoded_bytes)
            self._kept.put(entry.name, entry, weight, expires_at)


class Codec:
    """Values of one policy as bytes: `xmin`, then time of the snapshot and value as MessagePack."""

    def __init__(self, policy: CachePolicy) -> None:
        self.ttl_seconds = policy.ttl_seconds
        self._policy = policy
        self._encode = msgspec.msgpack.Encoder().encode
        self._decoder: Any = msgspec.msgpack.Decoder(tuple[float, policy.value_type])

    def encode(self, value: Any, xmin: bytes, read_at: float) -> bytes:
        """Returns the bytes for Redis; `read_at` is a time of the clock that all machines share."""
        encode = self._policy.encode
        return xmin + self._encode((read_at, value if encode is None else encode(value)))

    def decode(self, stored: bytes, key: Any, arguments: Any) -> tuple[bytes, float, Any] | None:
        """Returns `xmin`, snapshot time and value; None for bytes that this release never wrote."""
        xmin = stored[:DIGITS]
        if not xmin.isdigit():
            return None
        try:
            read_at, value = self._decoder.decode(memoryview(stored)[DIGITS:])
            decode = self._policy.decode
            return xmin, read_at, value if decode is None else decode(value, key, arguments)
        except (msgspec.DecodeError, msgspec.ValidationError, ValueError):
            return None
