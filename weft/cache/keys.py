"""The keys of values, fences, lease and version in Redis.

All keys begin with the name of a history of the database: a stretch of time in which no transaction
id is given out twice, and nothing that was committed is undone. After a crash, a restore or a
failover another history begins, whose ids mean other transactions; under its keys nothing is found
that was stored in the one before. An operation stays in the history in which it began.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

LEASE_KEY = b"{lease}"
VERSION_KEY = b"{lease}.version"
"""A number that each raise of fences changes, in the same step; see `weft.cache.validity`."""

encode_key = msgspec.json.Encoder(order="sorted").encode


class Keys:
    """The keys of one history. The part of a key in braces decides its slot in a cluster."""

    __slots__ = ("_prefix", "history", "lease", "version")

    def __init__(self, history: str) -> None:
        self.history = history
        self._prefix = f"{history}:".encode()
        self.lease = self._prefix + LEASE_KEY
        self.version = self._prefix + VERSION_KEY

    def value(
        self, coordinate: str, variant: tuple[str, bytes], key: Any, tag: str, shape: str
    ) -> bytes:
        """Key of a value; `variant` is the viewer and the arguments, `tag` the value's first."""
        viewer, given = variant
        text = key if isinstance(key, int | str) else encode_key(key).decode()
        name = f"v:{{{_group_of(tag)}}}:{coordinate}:{shape}:{text}:{viewer}:"
        return self._prefix + name.encode() + given

    def claim(self, value_key: bytes) -> bytes:
        """Key of the claim, which exists in Redis while the value is being computed."""
        return self._prefix + b"c" + value_key[len(self._prefix) + 1 :]

    def fence(self, tag: str) -> bytes:
        """Key of a tag's fence."""
        group = _group_of(tag)
        return self._prefix + f"f:{{{group}}}{tag[len(group) :]}".encode()

    def fences(self, tags: Iterable[str]) -> tuple[bytes, ...]:
        """Keys of the fences of tags, in order."""
        return tuple(map(self.fence, tags))


def _group_of(tag: str) -> str:
    """The part of a tag that decides its slot in a cluster: all before its last dot."""
    return tag.rpartition(".")[0]
