"""The hub: follows the change log for one process and offers each change to its listeners."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

import msgspec
from redis.asyncio import Redis

from weft.changes.batch import Batch, decode_batch
from weft.changes.change import BEGINNING, Change, Point
from weft.changes.channel import Channels, follow
from weft.changes.errors import CursorExpired
from weft.changes.feed import ChangeFeed
from weft.changes.listener import Listener, Wants
from weft.changes.log import OpenLog
from weft.changes.outage import Outage
from weft.changes.reader import LogReader
from weft.changes.replays import Replays, cost_of_page
from weft.errors import Unavailable
from weft.feed import EventT
from weft.rates.budget import Client

STOPPED = "This server stops. Resume from your last cursor."
OFFERS_AT_ONCE = 500
"""Offers of a change to a listener after which the hub yields to the event loop."""
_HEARD_BATCHES = 64
_NOT_STARTED = Point(-1, BEGINNING.mark)
"""A point that no change follows: positions begin at 1."""


class Hub:
    """Follows the log and feeds listeners; each process has one.

    A batch received through Redis is delivered only if it continues from the last change. Anything
    else (a gap, another history, an unreadable message, a new connection to Redis, no message for
    `poll_ms`) makes the hub read the log, so Redis affects how soon a change arrives, never
    whether.

    If the log no longer contains the hub's last change, because it was pruned past it or restored,
    the hub continues at the end of the current log, and its live listeners end with CursorExpired.
    """

    def __init__(
        self,
        open_log: OpenLog,
        redis: Redis,
        prefix: str,
        *,
        poll_ms: int = 200,
        queue_limit: int = 1000,
    ) -> None:
        """`queue_limit`: how many changes may wait for one listener before it reads the log."""
        self._redis = redis
        self._channels = Channels(prefix)
        self._poll_seconds = poll_ms / 1000
        self._queue_limit = queue_limit
        self._log = LogReader(open_log)
        self._replays = Replays(open_log)
        self._heard: asyncio.Queue[bytes | str] = asyncio.Queue(_HEARD_BATCHES)
        self._listeners: dict[Listener, None] = {}
        self._point = _NOT_STARTED
        self._offered: Change | None = None
        self._offers = 0
        self._poll_at = 0.0
        self._started = asyncio.Event()
        self._outage = Outage("postgresql", "hub")
        self._replay_outage = Outage("postgresql", "replay")

    @property
    def point(self) -> Point:
        """See `Offers.point`; its position is -1 until the log was reached once."""
        return self._point

    @property
    def offered(self) -> Change:
        """See `Offers.offered`."""
        assert self._offered is not None  # set by the first delivered change
        return self._offered

    @asynccontextmanager
    async def listen(self, wants: Wants, *, after: Point | None = None) -> AsyncGenerator[Listener]:
        """Yields a listener of the changes for which `wants` is true, each once, by position.

        Without `after`: every change that commits from now on. With it: every change after that
        point; raises CursorExpired, here or while iterating, if the log does not have them.
        Iterating also raises Unavailable when the hub stops. Waits until `run` has reached the log
        once, and for as long as the log is out of reach.
        """
        listener = await self._attach(wants, after, None)
        try:
            if not listener.is_live:
                await listener.read_page()
            yield listener
        finally:
            self._listeners.pop(listener, None)

    async def started(self) -> None:
        """Waits until the hub knows the end of the log: changes that commit later are delivered."""
        await self._started.wait()

    async def feed(
        self,
        wants: Wants,
        event_of: Callable[[Change], EventT],
        *,
        after: Point | None = None,
        client: Client | None = None,
    ) -> ChangeFeed[EventT]:
        """Returns the changes of `listen` as a feed of events; the caller has to close it.

        Reads nothing yet. Until the feed has caught up, each page is charged to the client before
        it is read; then RateLimited ends the feed.
        """
        listener = await self._attach(wants, after, client)
        return ChangeFeed(listener, event_of, lambda: self._listeners.pop(listener, None))

    async def _attach(self, wants: Wants, after: Point | None, client: Client | None) -> Listener:
        await self.started()
        listener = Listener(
            wants,
            self._point if after is None else after,
            hub=self,
            read=self._replay,
            client=client,
            queue_limit=self._queue_limit,
        )
        self._listeners[listener] = None
        return listener

    async def _replay(self, point: Point, client: Client | None) -> list[Change]:
        """Returns a page of the log, retrying until it is read; empty if `point` is the hub's."""
        if client is not None:
            client.charge(cost_of_page(point.position, self._point.position))
        while self._started.is_set():
            async with self._replay_outage.attempt(CursorExpired):
                page = await self._replays.after(point, self._point.position, client)
                if page or point.is_at(self._point):
                    return page
                self._hear(None)  # the hub lags, or follows a history that has ended
            await self._replay_outage.pause()
        raise Unavailable(STOPPED)

    async def run(self) -> None:
        """Follows the log until it is cancelled; then all listeners end with Unavailable."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_delivering())
                tasks.create_task(
                    follow(
                        self._redis,
                        self._channels.changes,
                        self._hear,
                        Outage("redis", "hub"),
                    )
                )
        finally:
            self._started.clear()
            for listener in self._listeners:
                listener.end(Unavailable(STOPPED))
            await self._log.aclose()
            await self._replays.aclose()

    def _hear(self, message: bytes | str | None) -> None:
        with suppress(asyncio.QueueFull):
            self._heard.put_nowait(message or b"")

    async def _keep_delivering(self) -> None:
        while True:
            message = await self._next_heard()
            batch: Batch | None = None
            with suppress(msgspec.DecodeError):
                batch = decode_batch(message)
            if batch is not None and batch.end.position < self._point.position:
                continue  # already delivered, or the log was restored, which the next poll finds
            if batch is None or not batch.holds(self._point):
                await self._catch_up()
            if batch is not None and (changes := batch.after(self._point)):
                encoded_bytes = len(message) * len(changes) // len(batch)
                await self._deliver(Batch(self._point, changes), encoded_bytes)

    async def _next_heard(self) -> bytes | str:
        """Returns the next message; an empty one if the log has to be read."""
        try:
            async with asyncio.timeout_at(self._poll_at):
                return await self._heard.get()
        except TimeoutError:
            return b""

    async def _catch_up(self) -> None:
        async with self._outage.attempt():  # the next poll tries again
            await self._read_on()
        self._poll_later()

    async def _read_on(self) -> None:
        if self._point is _NOT_STARTED:
            self._point = await self._log.last()
            self._started.set()
        try:
            while batch := await self._log.after(self._point):
                await self._deliver(batch)
        except CursorExpired as error:
            await self._change_histories(error)
        self._channels.log_name = self._log.log_name

    async def _change_histories(self, error: CursorExpired) -> None:
        point = await self._log.last()
        for listener in self._listeners:
            listener.leave_history(error)
        self._replays.forget()
        self._point = point

    async def _deliver(self, batch: Batch, encoded_bytes: int | None = None) -> None:
        self._replays.remember(batch, encoded_bytes)
        for change in batch.changes:
            self._point = change
            self._offered = change
            if await self._offer(change):
                # Without this a long batch would overflow the queues of listeners that do read.
                await asyncio.sleep(0)
        self._poll_later()

    async def _offer(self, change: Change) -> bool:
        """Offers a change to all listeners; returns whether any of them took it.

        Yields to the event loop now and then. Listeners that attach meanwhile begin after this
        change.
        """
        is_taken = False
        for listener in list(self._listeners):
            is_taken |= listener.offer(change)
            self._offers += 1
            if self._offers % OFFERS_AT_ONCE == 0:
                await asyncio.sleep(0)
        return is_taken

    def _poll_later(self) -> None:
        self._poll_at = asyncio.get_running_loop().time() + self._poll_seconds
