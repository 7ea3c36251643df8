"""The policy by which a field is cached: data beside the field's declaration."""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weft.errors import DeclarationError


class CacheScope(enum.Enum):
    """Which viewers share a value."""

    VIEWER = "of one viewer"
    PUBLIC = "everybody's: the resolver never looks at who asks"


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How one field is cached.

    The value must follow from the key, the arguments, what is stored and, with VIEWER, the viewer;
    from nothing else. Stored means read by loaders in the resolver's own call.

    - `ttl_seconds`: the greatest age of a value, counted from its snapshot, whatever else fails.
    - `tags`: what a write must touch to change the value, such as `Author:7.books`, from the key
      and the resolver's arguments. At least one; writes raise the fences of the same tags.
    - `key`: what the resolver reads of a parent; texts, numbers and structs of these are possible.
      Not called for a root field, which has no parent.
    - `scope`: VIEWER, unless the field gives all viewers the same value.
    - `only_if`: for which arguments of the resolver values are kept; by default for all. Exclude
      arguments that clients choose freely, such as a search or a time: their values are unlikely
      to be requested a second time.
    - `if_repeated`: for which arguments a value is kept only when the process computes it a second
      time, with the entry of the first still there. For arguments that many clients may share and
      one client may make up, such as a cursor.
    - `seen_as`: with VIEWER, the viewer to compute the value for instead, from the viewer and the
      parents: one that sees the same and stands for many, so that more viewers share a value. What
      that viewer does not see is never in an answer.
    - `once_ms`: how long other calls, in all processes, wait for the one that computes a value.
      Leave it at 0, with which all compute, unless that takes much longer than two reads of Redis.
    - `keeps`: which values are kept, from the key and the value; by default all. Exclude keys that
      clients can make up without end: such as a count of 0, which an owner without anything has,
      and one that does not exist.
    - `value_type`: what msgspec reads a stored value as; by default the resolver's return type.
    - `encode`, `decode`: for values that are not rows: to what msgspec accepts, and back with the
      key and the arguments.
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
