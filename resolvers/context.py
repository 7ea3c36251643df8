"""What every resolver receives: the viewer, the operation's loaders, the process's services."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

import msgspec

from db.accounts.rights import SessionRights
from db.accounts.user import Role
from loaders import Loaders
from weft.auth.passwords import Passwords
from weft.auth.sessions import SessionRules
from weft.auth.tokens import AccessTokens
from weft.cache.answers import Taken
from weft.cache.cache import Cache
from weft.cache.errors import ViewerRead
from weft.cache.snapshot_bound import SnapshotBound
from weft.changes.cursor import Cursors
from weft.changes.hub import Hub
from weft.declare.info import Info as BaseInfo
from weft.explanation import Explanation
from weft.loading.dispatch import WatchedDispatcher
from weft.mail.mail import Mail
from weft.postgres.connection import WriteTransaction
from weft.postgres.database import Database
from weft.rates.attempts import Attempts
from weft.rates.budget import CostBudget


class Viewer(msgspec.Struct, frozen=True):
    """The viewer of an operation; `user_id` is None for an anonymous one. Times are UTC."""

    user_id: int | None = None
    role: Role = Role.MEMBER
    session_id: int | None = None
    expires_at: datetime | None = None
    is_read_only: bool = False
    """Whether the e-mail address has to be verified before anything is written."""

    @property
    def is_admin(self) -> bool:
        return self.role == Role.ADMIN

    @property
    def audience(self) -> tuple[int, Role] | None:
        """As `weft.transport.gate.Gate.audience`."""
        return None if self.user_id is None else (self.user_id, self.role)

    @property
    def without_session(self) -> "Viewer":
        """As much as the audience says: what is cached for a viewer is cached for all of these."""
        return Viewer(self.user_id, self.role)

    def sees_all_of(self, user_id: int) -> bool:
        """Whether DRAFT and ARCHIVED items of this user are seen, and the e-mail address."""
        return self.role == Role.ADMIN or self.user_id == user_id


STRANGER = Viewer()


def _drop(_: Mail) -> None:
    """Sends nothing, for what needs no mail."""


class MailedTokens(msgspec.Struct, frozen=True):
    """What goes out by mail and comes back: how long a token is good, and the page that takes it.

    In `link`, `{token}` stands for the token; without a link the mail has the token itself.
    """

    lifetime: timedelta = timedelta(minutes=30)
    link: str | None = None


class AccountRules(msgspec.Struct, frozen=True):
    """How accounts begin, and what they may do before their e-mail address is verified."""

    verified_sign_up: bool = False
    """Whether an account exists only once a token that was mailed to its address comes back."""
    unverified_read_only: bool = False
    """Whether an account writes nothing but itself until then."""


@dataclass(frozen=True, slots=True)
class Services:
    """What lives as long as the process; wired in `app.py`."""

    database: Database
    hub: Hub
    cursors: Cursors
    passwords: Passwords
    tokens: AccessTokens
    now: Callable[[], datetime]
    session_rules: SessionRules
    cache: Cache | None = None
    attempts: Attempts | None = None
    budget: CostBudget | None = None
    post_mail: Callable[[Mail], None] = _drop
    password_resets: MailedTokens = field(default_factory=MailedTokens)
    email_verifications: MailedTokens = field(default_factory=MailedTokens)
    account_rules: AccountRules = field(default_factory=AccountRules)


class Context:
    """One operation's; every event of a subscription gets one of its own."""

    __slots__ = (
        "_viewer",
        "cache",
        "explanation",
        "fences_version",
        "loaders",
        "request_id",
        "services",
        "taken",
    )

    def __init__(self, services: Services, viewer: Viewer, request_id: str) -> None:
        self.services = services
        self._viewer = viewer
        self.request_id = request_id
        self.loaders = Loaders(services.database.reads)
        self.cache = services.cache
        self.fences_version: bytes | None = None
        self.taken: list[Taken] | None = None
        self.explanation: Explanation | None = None

    @property
    def viewer(self) -> Viewer:
        return self._viewer

    @viewer.setter
    def viewer(self, viewer: Viewer) -> None:
        self._viewer = viewer

    @property
    def rights(self) -> SessionRights | None:
        """What writes of the viewer rest on; None for strangers."""
        viewer = self._viewer
        if viewer.session_id is None:
            return None
        return SessionRights(viewer.session_id, viewer.is_admin, self.services.now)

    def write(self) -> AbstractAsyncContextManager[WriteTransaction]:
        """A transaction that rests on the viewer's session and role: see `Database.write`."""
        return self.services.database.write(self.rights)

    @property
    def viewer_key(self) -> str:
        return f"{self._viewer.user_id}-{self._viewer.role}"

    def seen_by(self, viewer: Viewer) -> "Context":
        context = Context(self.services, viewer, self.request_id)
        context.loaders = Loaders(self.loaders.dispatcher)
        return context

    def isolated(self, bound: SnapshotBound, *, public: bool) -> "Context":
        kind = PublicContext if public else Context
        context = kind(self.services, self._viewer.without_session, self.request_id)
        context.loaders = Loaders(self.loaders.dispatcher, bound.note)
        context.cache = None
        if isinstance(context, PublicContext):
            context.bound = bound
        return context

    def explain(self, explanation: Explanation) -> None:
        self.explanation = explanation
        self.loaders = Loaders(WatchedDispatcher(self.services.database.reads))

    def forget_loaded(self) -> None:
        self.loaders.clear_all()
        self.fences_version = None

    def renew(self) -> Self:
        return type(self)(self.services, self.viewer, self.request_id)


class PublicContext(Context):
    """The context of a computation for all viewers, which must not depend on one."""

    __slots__ = ("bound",)
    bound: SnapshotBound

    @property
    def viewer(self) -> Viewer:  # pyright: ignore
        self.bound.spoil()
        if self.services.cache is not None and self.services.cache.strict:
            raise ViewerRead("A field that is cached for everybody reads the viewer.")
        return self._viewer


Info = BaseInfo[Context]
