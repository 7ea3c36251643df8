"""Notices, out of the change log, when viewers who hold sockets are no more who they were."""

from collections import defaultdict
from collections.abc import Callable
from typing import Never

import structlog

from resolvers.context import Viewer
from weft.changes.change import Change, ChangeKind
from weft.changes.errors import CursorExpired
from weft.changes.hub import Hub

SESSION_ENDED = "The session has ended"
ROLE_CHANGED = "Your rights have changed: connect again"
UNKNOWN = "Whether the session still lives is unknown: connect again"

Revoked = Callable[[str], None]

log = structlog.get_logger(__name__)


class SessionWatch:
    """One for each process. Also covers what other processes, and psql, do to sessions."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._by_session: defaultdict[int, set[Revoked]] = defaultdict(set)
        self._by_user: defaultdict[int, set[Revoked]] = defaultdict(set)

    def watch(self, viewer: Viewer, revoked: Revoked) -> Callable[[], None]:
        """Calls `revoked` once the session has ended or the user's role is another.

        Until the returned function is called. Strangers have nothing to lose.
        """
        if viewer.user_id is None or viewer.session_id is None:
            return lambda: None
        places = (self._by_session, viewer.session_id), (self._by_user, viewer.user_id)
        for watched, key in places:
            watched[key].add(revoked)

        def unwatch() -> None:
            for watched, key in places:
                watched[key].discard(revoked)
                if not watched[key]:
                    del watched[key]

        return unwatch

    async def run(self) -> Never:
        """Watches until it is cancelled."""
        while True:
            try:
                async with self._hub.listen(_ends_viewers) as listener:
                    async for change in listener:
                        self._tell(change)
            except CursorExpired:
                # This process missed changes: it does not know which sessions have ended.
                log.warning("sessions_unknown", sockets=len(self._by_session))
                self._tell_everybody()

    def _tell(self, change: Change) -> None:
        if change.entity == "Session":
            _call(self._by_session.get(change.key, ()), SESSION_ENDED)
        elif change.kind is ChangeKind.DELETED:
            _call(self._by_user.get(change.key, ()), SESSION_ENDED)
        else:
            _call(self._by_user.get(change.key, ()), ROLE_CHANGED)

    def _tell_everybody(self) -> None:
        for watching in list(self._by_session.values()):
            _call(watching, UNKNOWN)


def _ends_viewers(change: Change) -> bool:
    if change.entity == "Session":
        return change.kind is ChangeKind.DELETED
    return change.entity == "User" and change.before is not None and change.before != change.after


def _call(watching: set[Revoked] | tuple[()], reason: str) -> None:
    for revoked in list(watching):
        revoked(reason)
