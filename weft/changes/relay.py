"""The relay: gives committed changes their positions, in order, and publishes them."""

import asyncio
import random
from contextlib import aclosing, suppress
from datetime import UTC, datetime

import structlog
from redis.asyncio import Redis

from weft.cache.lease import FenceRelay
from weft.cancellation import cancellable
from weft.changes.batch import Batch, encode_batch
from weft.changes.change import Change
from weft.changes.channel import (
    Channels,
    follow,
)
from weft.changes.log import BATCH_LIMIT, ChangeLog, OpenLog
from weft.changes.outage import Outage

_LEADERSHIP_RETRY_SECONDS = 0.5
_PRUNE_INTERVAL_SECONDS = 60.0
OUTBOX_BATCHES = 64
_GATHER_SECONDS = 0.01
"""The shortest time between two batches: a flood of commits makes batches larger, not more."""
_GATHER_SECONDS_PER_CHANGE = 0.0005
"""The larger a batch was, the longer the next may gather: a batch costs more than its changes."""
_MOST_GATHER_SECONDS = 0.03
_LAG_WARNING_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class Relay:
    """Each process has one; one of them leads, the others stand by.

    *Why positions follow commit order for each row.* A change takes its id while its transaction
    holds the row's lock, and the next writer of that row waits for the lock until the first has
    committed. So the later change has the higher id, and a snapshot that sees it sees the earlier
    one too. The relay positions all changes that one snapshot sees in order of id, hence no change
    of a row before an earlier one of it. The same holds for two transactions of which one began
    after the other was acknowledged. Ids alone are no usable order: a lower id can become visible
    later, when higher ones have already been delivered.

    *Why there are never two leaders.* Leadership is a lock held by the very connection that assigns
    positions. When the connection ends, so does the lock, and neither the process that lost it nor
    any other can assign without taking it again.

    *What Redis does here.* It shortens waiting in both directions. Nothing waits for Redis: a batch
    that it does not accept is dropped, and the hubs read it from the log.
    """

    def __init__(
        self,
        open_log: OpenLog,
        redis: Redis,
        prefix: str,
        *,
        poll_ms: int = 100,
        retention_hours: float = 24,
        fences: FenceRelay | None = None,
    ) -> None:
        """`poll_ms`: the longest wait of a change whose writer wakes no relay, such as psql.

        `fences` are raised by each change before it gets a position, because hubs find positions by
        polling too.
        """
        self._fences = fences
        self._open_log = open_log
        self._redis = redis
        self._channels = Channels(prefix)
        self._poll_seconds = poll_ms / 1000
        self._retention_seconds = retention_hours * 3600
        self._outbox: asyncio.Queue[bytes] = asyncio.Queue(OUTBOX_BATCHES)
        self._woken = asyncio.Event()
        self._waking = asyncio.Event()
        self._prune_at = 0.0
        self._log_outage = Outage("postgresql", "relay")
        self._redis_outage = Outage("redis", "relay")
        self.leads = False
        self.lag_seconds = 0.0
        """On the leader: age of the oldest change of the last batch when it got its position.

        Counted from its write, so it includes the time until its own transaction committed.
        """
        self._lags = False

    def wake(self) -> None:
        """Wakes the leader after a COMMIT that changed something; never waits, never fails."""
        (self._woken if self.leads else self._waking).set()

    async def run(self) -> None:
        """Stands by, leads, and starts over after each failure, until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_relaying())
            tasks.create_task(self._keep_publishing())
            tasks.create_task(self._keep_waking_the_leader())
            tasks.create_task(
                follow(
                    self._redis,
                    self._channels.wake,
                    lambda _: self._woken.set(),
                    Outage("redis", "relay wake-up"),
                )
            )

    async def _keep_relaying(self) -> None:
        while True:
            try:
                async with self._log_outage.attempt(), aclosing(await self._open_log()) as log:
                    self._channels.log_name = await log.name()
                    await self._stand_by(log)
                    self.leads = True
                    _log.info("relay_leads")
                    await self._lead(log)
            finally:
                self.leads = False
            await self._log_outage.pause()

    async def _stand_by(self, log: ChangeLog) -> None:
        while not await log.try_lead():
            self._log_outage.answered()
            await asyncio.sleep(_LEADERSHIP_RETRY_SECONDS * (1 + random.random() / 2))

    async def _lead(self, log: ChangeLog) -> None:
        if self._fences is not None:
            self._fences.lead(log.history)
        while True:
            self._woken.clear()
            fences = self._fences
            batch = await log.assign_positions(None if fences is None else await fences.begin())
            self._log_outage.answered()
            self._note_lag(batch.changes)
            if batch:
                self._offer(batch)
            await self._prune_when_due(log)
            if not batch:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_seconds):
                        await self._woken.wait()
            elif len(batch) < BATCH_LIMIT:
                await asyncio.sleep(gather_seconds(len(batch)))

    def _note_lag(self, changes: list[Change]) -> None:
        self.lag_seconds = _age_seconds(changes[0]) if changes else 0.0
        lags = self.lag_seconds > _LAG_WARNING_SECONDS
        if lags and not self._lags:
            _log.warning("relay_lags", lag_seconds=round(self.lag_seconds, 3))
        elif self._lags and not lags:
            _log.info("relay_caught_up")
        self._lags = lags

    async def _prune_when_due(self, log: ChangeLog) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._prune_at:
            dropped = await log.prune(self._retention_seconds)
            self._prune_at = now if dropped == BATCH_LIMIT else now + _PRUNE_INTERVAL_SECONDS

    def _offer(self, batch: Batch) -> None:
        with suppress(asyncio.QueueFull):
            self._outbox.put_nowait(encode_batch(batch))

    async def _keep_publishing(self) -> None:
        while True:
            message = await self._outbox.get()
            await self._publish(self._channels.changes(), message)

    async def _keep_waking_the_leader(self) -> None:
        while True:
            await self._waking.wait()
            self._waking.clear()
            await self._publish(self._channels.wake(), b"")
            await asyncio.sleep(_GATHER_SECONDS)  # the leader would not begin another batch sooner

    async def _publish(self, channel: str | None, message: bytes) -> None:
        if channel is None:
            return  # no log was reached yet; its changes are found by polling
        async with self._redis_outage.attempt():
            await cancellable(self._redis.publish(channel, message))


def gather_seconds(count: int) -> float:
    """Returns how long the next batch may gather after one of `count` changes."""
    return min(max(_GATHER_SECONDS, count * _GATHER_SECONDS_PER_CHANGE), _MOST_GATHER_SECONDS)


def _age_seconds(change: Change) -> float:
    return (datetime.now(UTC) - change.at).total_seconds()
