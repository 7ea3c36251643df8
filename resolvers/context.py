"""What every resolver is given: who asks, the operation's loaders, the process's services."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import msgspec

from db.database import Database
from db.user import Role
from loaders import Loaders
from weft.auth.passwords import Passwords
from weft.auth.sessions import SessionRules
from weft.auth.tokens import AccessTokens
from weft.changes.hub import Hub
from weft.info import Info as BaseInfo


class Viewer(msgspec.Struct, frozen=True):
    """Who asks. A stranger has no `user_id`; times are UTC."""

    user_id: int | None = None
    role: Role = Role.MEMBER
    session_id: int | None = None
    expires_at: datetime | None = None

    @property
    def is_admin(self) -> bool:
        return self.role == Role.ADMIN

    def sees_all_of(self, user_id: int) -> bool:
        """Whether DRAFT and ARCHIVED items of this user are seen, and the e-mail address."""
        return self.role == Role.ADMIN or self.user_id == user_id


STRANGER = Viewer()


@dataclass(frozen=True, slots=True)
class Services:
    """What lives as long as the process; wired in `app.py`."""

    database: Database
    hub: Hub
    passwords: Passwords
    tokens: AccessTokens
    announce_write: Callable[[], None]
    now: Callable[[], datetime]
    session_rules: SessionRules


class Context:
    """One operation's; every event of a subscription gets one of its own."""

    __slots__ = ("loaders", "request_id", "services", "viewer")

    def __init__(self, services: Services, viewer: Viewer, request_id: str) -> None:
        self.services = services
        self.viewer = viewer
        self.request_id = request_id
        self.loaders = Loaders(services.database.reads)

    def forget_loaded(self) -> None:
        self.loaders.clear_all()

    def renew(self) -> Self:
        return type(self)(self.services, self.viewer, self.request_id)


Info = BaseInfo[Context]
