"""Entries: what a process keeps of one cached value, and the bytes that Redis has of it."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

import msgspec

from weft.cache.fence import DIGITS
from weft.cache.policy import CachePolicy

NOTHING: Any = object()
"""In place of a value: there is none. A value may be None."""


class Entry:
    """One value's keys, and the value as this process has it, with its snapshot's xmin.

    A value that is kept here counts no more than one in Redis. `counted_in` is the version of all
    fences in which it was found to count; None if in none that is known.
    """

    __slots__ = ("counted_in", "expires_at", "fence_keys", "value", "value_key", "xmin")

    def __init__(self, value_key: bytes, fence_keys: tuple[bytes, ...]) -> None:
        self.value_key = value_key
        self.fence_keys = fence_keys
        self.counted_in: bytes | None
        self.forget()

    @property
    def claim_key(self) -> bytes:
        """Stands in Redis while somebody computes the value."""
        return b"c" + self.value_key[1:]

    def forget(self) -> None:
        """Has no value any more."""
        self.value, self.xmin, self.expires_at, self.counted_in = NOTHING, b"", 0.0, None

    def keep(self, value: Any, xmin: bytes, expires_at: float) -> None:
        """Has the value, unless a newer one is there."""
        if xmin >= self.xmin:
            self.value, self.xmin, self.expires_at, self.counted_in = value, xmin, expires_at, None


class Entries:
    """The entries of one process by key, at most `limit`; the longest unmade go first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[Hashable, Entry] = OrderedDict()
        self.get = self._entries.get

    def add(self, key: Hashable, entry: Entry) -> Entry:
        """The entry, kept; one that is in use may be dropped and made anew."""
        if len(self._entries) >= self._limit:
            self._entries.popitem(last=False)
        self._entries[key] = entry
        return entry

    def clear(self) -> None:
        """Drops all."""
        self._entries.clear()


class Codec:
    """Values of one policy as bytes: xmin, time of the snapshot, then MessagePack."""

    def __init__(self, policy: CachePolicy) -> None:
        self.ttl_seconds = policy.ttl_seconds
        self._policy = policy
        self._encode = msgspec.msgpack.Encoder().encode
        self._decoder: Any = msgspec.msgpack.Decoder(tuple[float, policy.value_type])

    def encode(self, value: Any, xmin: bytes, read_at: float) -> bytes:
        """What Redis gets; `read_at` is a time of the clock that all machines share."""
        encode = self._policy.encode
        return xmin + self._encode((read_at, value if encode is None else encode(value)))

    def decode(self, stored: bytes, key: Any, arguments: Any) -> tuple[bytes, float, Any] | None:
        """xmin, time of the snapshot and value; None for bytes that this release never wrote."""
        xmin = stored[:DIGITS]
        if not xmin.isdigit():
            return None
        try:
            read_at, value = self._decoder.decode(memoryview(stored)[DIGITS:])
            decode = self._policy.decode
            return xmin, read_at, value if decode is None else decode(value, key, arguments)
        except (msgspec.DecodeError, msgspec.ValidationError, ValueError):
            return None
