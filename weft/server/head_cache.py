"""Heads of requests that came before: what is sent again need not be parsed again.

A client sends the same head with most of its requests, on the same connection and on others. What
a parser makes of it depends on nothing else.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from weft.bounded_cache import BoundedCache
from weft.bounds import HEADS
from weft.memory_weight import weight_of
from weft.transport.headers import KNOWN_HEADERS, by_name

MAX_HEAD_BYTES = 2_048
END = b"\r\n\r\n"

_OF_THE_HEAD = (
    *("type", "asgi", "http_version", "root_path"),
    *("method", "path", "raw_path", "query_string"),
)


class KnownHead(NamedTuple):
    """What ASGI says of a request, as far as its head tells, and how long its body is."""

    scope: dict[str, Any]
    body_bytes: int


class HeadCache:
    """The heads that were sent most, in a bounded number of bytes."""

    def __init__(self, max_bytes: int = HEADS.max_bytes) -> None:
        self._known: BoundedCache[bytes, KnownHead] = BoundedCache(HEADS.of(max_bytes))

    def find(self, data: bytes) -> tuple[KnownHead, bytes] | None:
        """The head that `data` begins with, and the body, if one known request is all there is."""
        end = data.find(END) + len(END)
        head = self._known.get(data[:end])
        if head is None or len(data) - end != head.body_bytes:
            return None
        return head, data[end:]

    def learn(
        self, data: bytes, scope: Mapping[str, Any], body: bytes
    ) -> Callable[[], None] | None:
        """What keeps the head of a request that was read, to be called once it has been served.

        None unless the head and its body are all of `data`: so no chunked one is kept, and none of
        whose end the parser thinks otherwise. The request must leave its connection open.
        """
        end = data.find(END) + len(END)
        if end > MAX_HEAD_BYTES or data[end:] != body:
            return None
        # Many requests will share them, so they are in a tuple, which cannot be changed.
        headers = tuple(scope["headers"])
        known = {name: scope[name] for name in _OF_THE_HEAD}
        known |= {"headers": headers, KNOWN_HEADERS: (headers, by_name(headers))}
        return partial(self._keep, data[:end], KnownHead(known, len(body)))

    def _keep(self, text: bytes, head: KnownHead) -> None:
        self._known.put(text, head, weight_of((text, head)))
