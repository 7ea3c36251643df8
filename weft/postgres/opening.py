"""Opening connections: each is known by the history of the database that it belongs to."""

import asyncio
from collections.abc import Callable

from weft.cache.limits import LEASE_MARGIN_MS, LEASE_MS
from weft.errors import Unavailable
from weft.postgres.answer_limits import AnswerLimits
from weft.postgres.connection import connect
from weft.postgres.history import IS_STANDBY, Opened, history_of

LAST_LEASE_SECONDS = (LEASE_MS + LEASE_MARGIN_MS) / 1000
"""How long after the beginning of a history some process may still believe what it has of the last.

It need not ask the database for that; so nothing that is written earlier may be acknowledged.
"""


class Opener:
    """Opens the connections of a process."""

    def __init__(
        self,
        dsn: str,
        limits: AnswerLimits,
        use_history: Callable[[str | None], None],
        *,
        is_fenced: bool,
    ) -> None:
        """`use_history` is called with the history of each new connection, None if it is unknown.

        `is_fenced`: whether values are cached that writes have to invalidate.
        """
        self._dsn = dsn
        self._limits = limits
        self._use_history = use_history
        self._is_fenced = is_fenced

    async def open(self, name: str, statement_timeout_ms: int, *, read_only: bool) -> Opened:
        """A connection with `name` in pg_stat_activity; Unavailable if there is none to be had."""
        is_last_try = False
        while True:
            raw = await connect(
                self._dsn,
                name=name,
                read_only=read_only,
                statement_timeout_ms=statement_timeout_ms,
                connect_seconds=self._limits.connect_seconds,
            )
            try:
                async with asyncio.timeout(self._limits.connect_seconds):
                    opened = Opened(raw, await history_of(raw))
                self._use_history(opened.name)
                return opened
            except (Unavailable, TimeoutError) as error:
                raw.terminate()
                # Another that begins a history ends those that are about to, once.
                if is_last_try or isinstance(error, TimeoutError):
                    raise Unavailable("The database could not be reached.") from error
                is_last_try = True
            except BaseException:
                # Nothing else knows of the connection yet.
                raw.terminate()
                raise

    async def open_to_write(self, name: str, statement_timeout_ms: int) -> Opened:
        """As `open`; what is written over it may be acknowledged. Unavailable on a standby."""
        opened = await self.open(name, statement_timeout_ms, read_only=False)
        try:
            await self._until_writable(opened)
        except BaseException:
            opened.raw.terminate()
            raise
        return opened

    async def _until_writable(self, opened: Opened) -> None:
        if opened.history is None:
            if await opened.raw.fetchval(IS_STANDBY, timeout=self._limits.connect_seconds):
                # Promoted later, it would belong to a history that is not known.
                raise Unavailable("The database takes no writes now.")
        elif self._is_fenced:
            await asyncio.sleep(LAST_LEASE_SECONDS - max(opened.history.age_seconds, 0))
