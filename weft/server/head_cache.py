"""A cache of parsed request heads, by their bytes.

A client sends the same head with most of its requests, on the same connection and on others. The
result of parsing depends on nothing else.
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
    """The part of an ASGI scope that depends on the head only, and the length of the body."""

    scope: dict[str, Any]
    body_bytes: int


class HeadCache:
    """Parsed heads, in a bounded number of bytes; those that are sent most often stay."""

    def __init__(self, max_bytes: int = HEADS.max_bytes) -> None:
        self._known: BoundedCache[bytes, KnownHead] = BoundedCache(HEADS.of(max_bytes))

    def find(self, data: bytes) -> tuple[KnownHead, bytes] | None:
        """The cached head at the start of `data`, and the body; None unless `data` is exactly one
        request whose head is cached.
        """
        end = data.find(END) + len(END)
        head = self._known.get(data[:end])
        if head is None or len(data) - end != head.body_bytes:
            return None
        return head, data[end:]

    def learn(
        self, data: bytes, scope: Mapping[str, Any], body: bytes
    ) -> Callable[[], None] | None:
        """A function that caches the head of a parsed request; call it once that has been served.

        None unless `data` is exactly the head and `body`. So no chunked request is cached, and none
        that the parser saw end elsewhere. The request must leave its connection open.
        """
        end = data.find(END) + len(END)
        if end > MAX_HEAD_BYTES or data[end:] != body:
            return None
        # Many requests will share the headers, so a tuple keeps them from being changed.
        headers = tuple(scope["headers"])
        known = {name: scope[name] for name in _OF_THE_HEAD}
        known |= {"headers": headers, KNOWN_HEADERS: (headers, by_name(headers))}
        return partial(self._keep, data[:end], KnownHead(known, len(body)))

    def _keep(self, text: bytes, head: KnownHead) -> None:
        self._known.put(text, head, weight_of((text, head)))
