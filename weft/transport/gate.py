"""The interface through which the transports get viewers and operation contexts from the domain."""

from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime
from typing import Protocol, TypeVar

from weft.declare.info import OperationContext


class Viewer(Protocol):
    """The account and session that operations run for, or an anonymous client.

    The credentials expire at `expires_at`; None for never.
    """

    @property
    def expires_at(self) -> datetime | None: ...


ViewerT = TypeVar("ViewerT", bound=Viewer)


class Gate(Protocol[ViewerT]):
    """Turns credentials into viewers, and viewers into contexts."""

    def viewer(self, authorization: str | None) -> Awaitable[ViewerT]:
        """The viewer of an Authorization header's value; for None, the anonymous viewer.

        Raises `Unauthenticated` for credentials that are malformed, expired or revoked, and
        `Unavailable` when they cannot be checked now.
        """
        ...

    def context(self, viewer: ViewerT, request_id: str) -> OperationContext:
        """A new context for one operation."""
        ...

    def sees_schema(self, viewer: ViewerT) -> bool:
        """Whether the viewer may introspect, and gets suggestions of names in errors."""
        ...

    def explains_to(self, viewer: ViewerT) -> bool:
        """Whether the viewer may request the explanation of an operation, with its SQL."""
        ...

    def audience(self, viewer: ViewerT) -> Hashable:
        """What limits count the viewer by; None for anonymous viewers."""
        ...

    def shared(self, viewer: ViewerT) -> ViewerT:
        """The viewer as operations on sockets and streams see it; hashable.

        Identical subscriptions of viewers that are equal in this form share one execution. So a
        result depends only on what all its recipients have in common.
        """
        ...

    def watch(self, viewer: ViewerT, revoked: Callable[[str], None]) -> Callable[[], None]:
        """Calls `revoked`, with the reason, when the viewer's credentials are revoked.

        Watches until the returned function is called. Expiry of the credentials is not reported.
        """
        ...
