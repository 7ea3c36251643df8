"""What the transports ask of the domain: who is asking, and a context for every operation."""

from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime
from typing import Protocol, TypeVar

from weft.declare.info import OperationContext


class Viewer(Protocol):
    """Whoever sends operations; `expires_at` is when the credentials end, None for never."""

    @property
    def expires_at(self) -> datetime | None: ...


ViewerT = TypeVar("ViewerT", bound=Viewer)


class Gate(Protocol[ViewerT]):
    """Turns credentials into viewers, and viewers into contexts."""

    def viewer(self, authorization: str | None) -> Awaitable[ViewerT]:
        """The viewer of an Authorization header's value; None is a stranger's, and no error.

        Raises `Unauthenticated` for credentials that are malformed, expired or revoked, and
        `Unavailable` when that cannot be found out now.
        """
        ...

    def context(self, viewer: ViewerT, request_id: str) -> OperationContext:
        """A fresh context, for one operation."""
        ...

    def sees_schema(self, viewer: ViewerT) -> bool:
        """Whether the viewer may introspect, and is told names that are like what it wrote."""
        ...

    def explains_to(self, viewer: ViewerT) -> bool:
        """Whether the viewer may be told what was done for an operation, statements included."""
        ...

    def audience(self, viewer: ViewerT) -> Hashable:
        """Viewers of the same audience are the same to limits; None is that of strangers."""
        ...

    def shared(self, viewer: ViewerT) -> ViewerT:
        """The viewer as operations on sockets and streams are given it; hashable.

        Identical subscriptions of viewers that are equal in this form are executed once for all of
        them. So an answer depends only on what all its recipients share.
        """
        ...

    def watch(self, viewer: ViewerT, revoked: Callable[[str], None]) -> Callable[[], None]:
        """Calls `revoked`, with the reason, when the viewer is no more what it is.

        From now on, and until the returned function is called; not when the credentials expire.
        """
        ...
