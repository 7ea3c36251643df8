"""Keyset pagination: pages, edges and opaque cursors (GraphQL Cursor Connections Specification).

This module knows positions in an order, not what is ordered.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import repeat
from typing import Any, Generic, TypeVar

import msgspec

from weft.declare.fields import ListSize
from weft.declare.remembered import ROW_OVERHEAD_BYTES, Remembered
from weft.echo import echoed
from weft.errors import BadCursor, BadPage

DEFAULT_SIZE = 20
MAX_SIZE = 100
TEXT_BYTES_PER_ROW = 256
"""Bytes per row for the JSON that selections make of a page; longer JSON is not kept."""
PAGE_BYTES_PER_ROW = 100
"""Bytes of a page for each row, besides the row: places in its lists, and an edge."""
MAX_CURSOR_LENGTH = 2048

RowT = TypeVar("RowT")
ScopeT = TypeVar("ScopeT")


class PageArgs(msgspec.Struct, frozen=True):
    """One page, as requested: `size` rows after `after`, or before `before` if `backward`."""

    size: int = DEFAULT_SIZE
    backward: bool = False
    after: str | None = None
    before: str | None = None

    @property
    def is_outermost(self) -> bool:
        """Whether the page begins at an end of the list, not at a cursor."""
        return self.after is None and self.before is None


def take_page(arguments: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments with the four of paging replaced by one, `page`.

    Raises BadPage if they are invalid.
    """
    first = arguments.pop("first", None)
    last = arguments.pop("last", None)
    after = arguments.pop("after", None)
    before = arguments.pop("before", None)
    if first is not None and last is not None:
        raise BadPage("Give first or last, not both.")
    name, size = ("last", last) if last is not None else ("first", first)
    if size is None:
        size = DEFAULT_SIZE
    if not 0 <= size <= MAX_SIZE:
        raise BadPage(f"{name} must be from 0 to {MAX_SIZE}; it was {size}.")
    arguments["page"] = PageArgs(size, last is not None, after, before)
    return arguments


def _page_size(first: int | None, last: int | None) -> int:
    size = last if first is None else first
    return DEFAULT_SIZE if size is None else min(max(size, 0), MAX_SIZE)


PAGE_SIZE = ListSize(("first", "last"), _page_size)
"""The length of a page's lists, for fields that are prepared by `take_page`."""


class Order(msgspec.Struct, frozen=True, cache_hash=True):
    """A total order: by a value, then by key. Cursors carry its `name`."""

    name: str
    value: Callable[[Any], Any]
    value_type: type[int] | type[str] | type[datetime]
    descending: bool = False


class Position(msgspec.Struct, frozen=True, cache_hash=True):
    """A place in an order: that of a row with this value and key, still there or not."""

    value: Any
    key: int


def encode_cursor(order: Order, row: Any) -> str:
    """Returns the cursor of a row in an order."""
    return _opaque(order.name, order.value(row), row.id)


def _opaque(name: str, value: Any, key: int) -> str:
    return urlsafe_b64encode(msgspec.json.encode((name, value, key))).rstrip(b"=").decode()


def decode_cursor(order: Order, text: str | None) -> Position | None:
    """Returns the position of a cursor, None for None; raises BadCursor if not of this order."""
    if text is None:
        return None
    try:
        if len(text) > MAX_CURSOR_LENGTH:
            raise ValueError
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        name, value, key = msgspec.json.decode(raw, type=tuple[str, order.value_type, int])
        if name != order.name or _opaque(name, value, key) != text:
            raise ValueError
        if not 0 <= key < 2**63 or "\0" in str(value):
            raise ValueError
        if isinstance(value, int) and not 0 <= value < 2**63:
            raise ValueError
        if isinstance(value, datetime) and value.tzinfo is not UTC:
            raise ValueError
    except (ValueError, Base64Error, msgspec.MsgspecError):
        raise BadCursor(
            f"{echoed(text)!r} is no cursor of this connection in this order."
        ) from None
    return Position(value, key)


class Window(msgspec.Struct, frozen=True, cache_hash=True):
    """The first `size` rows strictly between two positions of an order; the last if `backward`."""

    order: Order
    size: int
    backward: bool
    after: Position | None
    before: Position | None

    @property
    def ascending(self) -> bool:
        """Whether the rows are read in ascending order; a backward page is read from its end."""
        return self.order.descending == self.backward

    @property
    def bounds(self) -> tuple[Position | None, Position | None]:
        """The exclusive lower and upper bound, in ascending order."""
        return (self.before, self.after) if self.order.descending else (self.after, self.before)


def window(order: Order, page: PageArgs) -> Window:
    """Returns the window of a requested page; raises BadCursor if a cursor is not of this order."""
    return Window(
        order,
        page.size,
        page.backward,
        decode_cursor(order, page.after),
        decode_cursor(order, page.before),
    )


class Edge(msgspec.Struct, Generic[RowT], frozen=True, gc=False):
    """A row in a page, with its cursor."""

    node: RowT
    order: Order

    @property
    def cursor(self) -> str:
        return encode_cursor(self.order, self.node)


class Page(Remembered, Generic[RowT]):
    """Rows of one page in the requested order, and whether there are more on either side.

    `scope` identifies what is paged through, for counting it; its value is the loader's. The same
    request may get the same page object again.
    """

    __slots__ = (
        "__dict__",
        "_edges",
        "has_next_page",
        "has_previous_page",
        "nodes",
        "scope",
        "window",
    )

    def __init__(self, rows: Sequence[RowT], window: Window, scope: Any) -> None:
        """`rows` as read: nearest to the page's start first; one over its size if there are more.

        A given cursor counts as proof that there was a row at it.
        """
        more = len(rows) > window.size
        rows = rows[: window.size]
        self.nodes = rows[::-1] if window.backward else rows
        beyond_after, beyond_before = window.after is not None, window.before is not None
        self.has_next_page = beyond_before or (more and not window.backward)
        self.has_previous_page = beyond_after or (more and window.backward)
        self.window = window
        self.scope = scope
        self._edges: list[Edge[RowT]] | None = None

    @classmethod
    def restored(cls, stored: "StoredPage[RowT, Any]", window: Window) -> "Page[RowT]":
        """Returns the page that was stored, in the window that it was read through."""
        page = cls((), window, stored.scope)
        page.nodes = stored.nodes
        page.has_next_page, page.has_previous_page = stored.has_next_page, stored.has_previous_page
        return page

    @property
    def stored(self) -> "StoredPage[RowT, Any]":
        """The page without its window, which follows from the request."""
        return StoredPage(self.nodes, self.has_next_page, self.has_previous_page, self.scope)

    @property
    def room_bytes(self) -> int:
        return TEXT_BYTES_PER_ROW * len(self.nodes)

    @property
    def own_bytes(self) -> int:
        return super().own_bytes + PAGE_BYTES_PER_ROW * len(self.nodes)

    @property
    def overhead_bytes(self) -> int:
        rows: Sequence[Any] = self.nodes
        overheads = [getattr(row, "overhead_bytes", ROW_OVERHEAD_BYTES) for row in rows]
        return self.own_bytes + sum(overheads)

    @property
    def edges(self) -> list[Edge[RowT]]:
        if self._edges is None:
            self._edges = list(map(Edge, self.nodes, repeat(self.window.order)))
        return self._edges

    @property
    def page_info(self) -> "Page[RowT]":
        return self

    @property
    def start_cursor(self) -> str | None:
        return encode_cursor(self.window.order, self.nodes[0]) if self.nodes else None

    @property
    def end_cursor(self) -> str | None:
        return encode_cursor(self.window.order, self.nodes[-1]) if self.nodes else None


class StoredPage(msgspec.Struct, Generic[RowT, ScopeT], frozen=True):
    """A page in the form that is stored and read: rows in the requested order."""

    nodes: Sequence[RowT]
    has_next_page: bool
    has_previous_page: bool
    scope: ScopeT
