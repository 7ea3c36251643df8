"""Pools of connections to PostgreSQL that serve, and whether they do."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from math import inf
from time import perf_counter
from typing import TypeVar

from weft.errors import Unavailable
from weft.loading.connections import HeldConnections
from weft.postgres.answer_limits import AnswerLimits
from weft.postgres.connection import ReadConnection
from weft.postgres.own_writes import PING
from weft.postgres.silence import SilenceWatch

FRESH_SECONDS = 1.0
"""An answer as young as this shows that a pool serves."""

ConnectionT = TypeVar("ConnectionT", bound=ReadConnection)


class ServingPool(HeldConnections[ConnectionT]):
    """Held connections that are ended when they fall silent."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[ConnectionT]],
        count: int,
        silence: SilenceWatch,
        limits: AnswerLimits,
        statement_timeout_ms: int,
    ) -> None:
        """`statement_timeout_ms` is what PostgreSQL allows on these connections."""

        async def connect_watched() -> ConnectionT:
            connection = await connect()
            silence.watch(connection, limits.answer_seconds(statement_timeout_ms))
            self._opened = [one for one in self._opened if not one.is_closed] + [connection]
            return connection

        super().__init__(connect_watched, count)
        self._limits = limits
        self._opened: list[ConnectionT] = []
        self._answered_at = -inf

    @property
    def answered_at(self) -> float:
        """When the last statement was answered, by `perf_counter`; minus infinity for never."""
        answers = (one.answered_at for one in self._opened if not one.is_closed)
        self._answered_at = max(self._answered_at, *answers, -inf)
        return self._answered_at

    async def check(self) -> None:
        """Returns if the pool serves.

        It does if it had an answer a second ago. Otherwise an idle connection is asked, or a new
        one where there is room for it. If all are busy, an answer of the last `busy_seconds`
        counts. Raises what connecting and asking raise, and Unavailable.
        """
        if perf_counter() - self.answered_at < FRESH_SECONDS:
            return
        async with self.idle() as connection:
            if connection is not None:
                await connection.all(PING)
            elif perf_counter() - self.answered_at > self._limits.busy_seconds:
                raise Unavailable("All connections are busy, and none of them is answered.")

    @asynccontextmanager
    async def idle(self) -> AsyncGenerator[ConnectionT | None]:
        """A connection that can be had without waiting for others; None if there is none.

        It is ended if the block raises.
        """
        connection = await self.take_idle()
        if connection is None:
            yield None
            return
        try:
            yield connection
            connection.take_snapshot()  # what was read here is of no batch
        except BaseException:
            connection.terminate()
            raise
        finally:
            await self.give_back(connection)
