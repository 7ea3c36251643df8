"""How a field is cached: data beside its declaration."""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weft.errors import DeclarationError


class CacheScope(enum.Enum):
    """Whose answer it is."""

    VIEWER = "of one viewer"
    PUBLIC = "everybody's: the resolver never looks at who asks"


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How one field is cached.

    The value must follow from the key, the arguments, what is stored, and with VIEWER who asks;
    from nothing else. Stored means read by loaders in the resolver's own call.

    - `ttl_seconds`: how old a value may get, counted from its snapshot, whatever else fails.
    - `tags`: what a write must touch to change the value, such as `Author:7.books`, from the key
      and the resolver's arguments. At least one; whoever writes raises the same.
    - `key`: what the resolver reads of a parent; texts, numbers and structs of these will do.
      Not asked for a root field, which has none.
    - `scope`: VIEWER, unless the field answers everybody alike.
    - `only_if`: of which arguments values are kept, out of the resolver's. Those that clients
      choose freely, such as a search or a time, make values that are unlikely to be
      requested again: leave them out. All, unless it is given.
    - `if_repeated`: of which arguments a value is kept only when it is computed a second time while
      the process remembers the first: of those that many may share and one may make up, such as a
      cursor.
    - `seen_as`: with VIEWER, whom to compute it for instead, out of who asks and the parents: a
      viewer who sees the same, of whom there are fewer, so that more of them share a value. What
      that one does not see is never answered.
    - `once_ms`: how long others, in all processes, wait for whoever computes a value. 0, everybody
      computes, unless that takes much longer than asking Redis twice.
    - `keeps`: which values are kept, from the key and the value; all, unless given. Not those of
      keys that a client can make up, of which there is no end: such as a count of 0, which is of
      an owner without anything, or of none at all.
    - `value_type`: what msgspec reads a stored value as; the resolver's return type unless given.
    - `encode`, `decode`: for values that are no rows: to what msgspec takes, and back with the key
      and the arguments.
    """

    ttl_seconds: float
    tags: Callable[[Any, Mapping[str, Any]], Sequence[str]]
    key: Callable[[Any], Any] = lambda parent: parent.id
    scope: CacheScope = CacheScope.VIEWER
    only_if: Callable[[Mapping[str, Any]], bool] | None = None
    if_repeated: Callable[[Mapping[str, Any]], bool] = lambda _arguments: False
    seen_as: Callable[[Any, Sequence[Any]], Any] | None = None
    once_ms: int = 0
    keeps: Callable[[Any, Any], bool] = lambda _key, _value: True
    value_type: Any = Any
    encode: Callable[[Any], Any] | None = None
    decode: Callable[[Any, Any, Mapping[str, Any]], Any] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.ttl_seconds <= MAX_TTL_SECONDS:
            raise DeclarationError(f"ttl_seconds must be above 0, at most {MAX_TTL_SECONDS}.")
        if (self.encode is None) != (self.decode is None):
            raise DeclarationError("Give encode and decode both, or neither.")
        if self.seen_as is not None and self.scope is CacheScope.PUBLIC:
            raise DeclarationError("A PUBLIC field is seen by nobody in particular: no seen_as.")


MAX_TTL_SECONDS = 86_400
