"""Connections that fall silent are ended: PostgreSQL's own time-outs are not heard through them.

A network can stop without closing anything: a node vanishes, a firewall forgets its connections.
One timer looks at all connections of a process, so that a statement costs two assignments instead
of a timer of its own. Nothing is sent to cancel the statement, as that would need a new connection.
"""

import asyncio
from time import perf_counter

import structlog

from weft.postgres.connection import ReadConnection

_log = structlog.get_logger(__name__)


class SilenceWatch:
    """Ends connections on which a statement has been without an answer for too long."""

    def __init__(self, look_seconds: float) -> None:
        self._look_seconds = look_seconds
        self._limits: dict[ReadConnection, float] = {}
        self._suspects: dict[ReadConnection, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, connection: ReadConnection, answer_seconds: float) -> None:
        """Looks at the connection until it is closed."""
        self._limits[connection] = answer_seconds
        if self._timer is None:
            self._look_later()

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._look_seconds, self._look)

    def _look(self) -> None:
        self._limits = {one: limit for one, limit in self._limits.items() if not one.is_closed}
        overdue = self._overdue()
        # Of a process that was stopped the answer may be there and not read yet: it is by the
        # next look.
        silent = {one: at for one, at in overdue.items() if self._suspects.get(one) == at}
        if silent:
            self._end(silent)
        self._suspects = overdue
        self._timer = None
        if self._limits:
            self._look_later()

    def _overdue(self) -> dict[ReadConnection, float]:
        """Connections whose statement takes too long, and since when it is under way."""
        now = perf_counter()
        return {
            one: one.under_way_since
            for one, limit in self._limits.items()
            if one.under_way_since is not None and now - one.under_way_since > limit
        }

    def _end(self, silent: dict[ReadConnection, float]) -> None:
        """Ends these, and the idle ones that were not heard of since: they went the same way."""
        since = min(silent.values())
        doomed = [*silent] + [
            one for one in self._limits if one.under_way_since is None and one.answered_at < since
        ]
        for connection in doomed:
            connection.terminate()
        _log.warning("database_silent", statements=len(silent), connections=len(doomed))
