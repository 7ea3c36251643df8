"""The part of the domain's context that cached fields need."""

from typing import Any, Protocol, Self

from weft.cache.answers import Taken
from weft.cache.cache import Cache
from weft.cache.snapshot_bound import SnapshotBound


class CachingContext(Protocol):
    """Context of one operation; see `weft.declare.info.OperationContext`."""

    cache: Cache | None
    fences_version: bytes | None
    """The version of the fences, if it was read since the operation began or last wrote."""
    taken: list[Taken] | None
    """The calls that the cache has answered in full; None if they are not recorded."""

    @property
    def viewer(self) -> Any:
        """The viewer of the operation."""
        ...

    def seen_by(self, viewer: Any) -> Self:
        """Returns the context of the same operation for this viewer."""
        ...

    @property
    def viewer_key(self) -> str:
        """A short key of everything about the viewer that can change an answer.

        Equal viewers have equal keys.
        """
        ...

    def isolated(self, bound: SnapshotBound, *, public: bool) -> Self:
        """Returns a context with loaders of its own: nothing loaded yet, snapshots go to `bound`.

        With `public`, reading the viewer spoils `bound`, or raises ViewerRead if the cache is
        strict.
        """
        ...
