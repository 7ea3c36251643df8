"""What the transports ask of the domain: who is asking, and a context for every operation."""

from datetime import datetime
from typing import Protocol, TypeVar

from weft.info import OperationContext


class Viewer(Protocol):
    """Whoever sends operations; `expires_at` is when the credentials end, None for never."""

    @property
    def expires_at(self) -> datetime | None: ...


ViewerT = TypeVar("ViewerT", bound=Viewer)


class Gate(Protocol[ViewerT]):
    """Turns credentials into viewers, and viewers into contexts."""

    async def viewer(self, authorization: str | None) -> ViewerT:
        """The viewer of an Authorization header's value; None is a stranger's, and no error.

        Raises `Unauthenticated` for credentials that are malformed, expired or revoked, and
        `Unavailable` when that cannot be found out now.
        """
        ...

    def context(self, viewer: ViewerT, request_id: str) -> OperationContext:
        """A fresh context, for one operation."""
        ...
