"""What the transports ask of the domain: see `weft.transport.gate`."""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace

from resolvers.accounts.session import viewer_of
from resolvers.accounts.session_watch import SessionWatch
from resolvers.context import Context, Services, Viewer

Audience = Literal["all", "admins", "none"]


@dataclass(frozen=True, slots=True)
class DomainGate:
    """Finds the viewer of a request, and creates the context of its operations."""

    services: Services
    sessions: SessionWatch
    introspection: Audience
    explain: Audience

    def viewer(self, authorization: str | None) -> Awaitable[Viewer]:
        return viewer_of(self.services, authorization)

    def context(self, viewer: Viewer, request_id: str) -> Context:
        return Context(self.services, viewer, request_id)

    def sees_schema(self, viewer: Viewer) -> bool:
        return _includes(self.introspection, viewer)

    def explains_to(self, viewer: Viewer) -> bool:
        return _includes(self.explain, viewer)

    def audience(self, viewer: Viewer) -> Hashable:
        return viewer.audience

    def shared(self, viewer: Viewer) -> Viewer:
        return viewer if viewer.expires_at is None else replace(viewer, expires_at=None)

    def watch(self, viewer: Viewer, revoked: Callable[[str], None]) -> Callable[[], None]:
        return self.sessions.watch(viewer, revoked)


def _includes(audience: Audience, viewer: Viewer) -> bool:
    return audience == "all" or (audience == "admins" and viewer.is_admin)
