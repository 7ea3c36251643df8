"""What a cached field needs of the domain's context."""

from typing import Any, Protocol, Self

from weft.cache.answers import Taken
from weft.cache.cache import Cache
from weft.cache.snapshot_bound import SnapshotBound


class CachingContext(Protocol):
    """One operation's context; see `weft.declare.info.OperationContext`."""

    cache: Cache | None
    fences_version: bytes | None
    """As the cache has read it for this operation, since it began or last wrote; else None."""
    taken: list[Taken] | None
    """What the cache has answered in full; None unless somebody wants to know."""

    @property
    def viewer(self) -> Any:
        """Who asks."""
        ...

    def seen_by(self, viewer: Any) -> Self:
        """The same operation as this viewer's."""
        ...

    @property
    def viewer_key(self) -> str:
        """Names all that answers may depend on of who asks; short, the same for the same."""
        ...

    def isolated(self, bound: SnapshotBound, *, public: bool) -> Self:
        """The same operation with loaders of its own, which remember nothing and tell `bound`.

        With `public`, whoever reads the viewer has `bound` spoilt, or raises in tests.
        """
        ...
