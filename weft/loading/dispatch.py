"""Batches that join loads across requests: group commit, for reads.

While every connection is busy, keys queue; a connection that becomes free takes what has gathered
for one source in one batch. Load makes batches larger instead of queues longer. A batch starts only
after its keys were submitted, so it sees all that was committed before.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from math import ceil
from typing import Any, Generic, TypeVar

from weft.errors import Unreadable
from weft.explanation import AT_WORK, Watch, batch_at_work, watch_at_work
from weft.loading.apart import ApartDispatcher
from weft.loading.connections import Closable, HeldConnections
from weft.loading.failure import own_error
from weft.loading.reach import Reach
from weft.loading.snapshot import UNKNOWN, Snapshot

ConnectionT = TypeVar("ConnectionT", bound=Closable)

Fetch = Callable[[Any, Sequence[Any]], Awaitable[Sequence[Any]]]

Note = Callable[[Snapshot], None]
"""Called with the snapshot that a batch was read in."""


WAITERS_PER_BATCH = 32
"""Further calls get a batch of their own: the process works on one, the database on the other."""


class _Gathered:
    """The keys that have gathered for one source, with the calls that wait for them."""

    __slots__ = ("fetch", "waiters", "watches")

    def __init__(self, fetch: Fetch) -> None:
        self.fetch = fetch
        self.watches: list[Watch] | None = None
        self.waiters: list[tuple[Sequence[Any], asyncio.Future[list[Any]], Note | None]] = []

    def split(self, most: int) -> "_Gathered | None":
        """Keeps the first `most` waiters; returns the others, or None if there are none."""
        if len(self.waiters) <= most:
            return None
        rest = _Gathered(self.fetch)
        rest.watches = self.watches
        self.waiters, rest.waiters = self.waiters[:most], self.waiters[most:]
        return rest

    def distinct_keys(self) -> list[Any]:
        """Returns the keys of all waiters, each once."""
        if len(self.waiters) == 1 and len(self.waiters[0][0]) == 1:
            return list(self.waiters[0][0])
        return list(dict.fromkeys(chain.from_iterable(keys for keys, _, _ in self.waiters)))

    def answer(self, values: dict[Any, Any], snapshot: Snapshot) -> None:
        for keys, waiter, note in self.waiters:
            if not waiter.done():
                if note is not None:
                    note(snapshot)
                waiter.set_result([values[key] for key in keys])

    def retry(self, apart: ApartDispatcher[Any]) -> None:
        for keys, waiter, note in self.waiters:
            if not waiter.done():
                apart.retry(self.fetch, keys, waiter, note)

    def fail(self, error: Exception) -> None:
        for _, waiter, _ in self.waiters:
            if not waiter.done():
                waiter.set_exception(own_error(error))


class Dispatcher(Generic[ConnectionT]):
    """Runs the batches of all sources on a few held connections; sources take turns."""

    def __init__(
        self,
        connections: HeldConnections[ConnectionT],
        take_snapshot: Callable[[ConnectionT], Snapshot] = lambda _: UNKNOWN,
        apart: ApartDispatcher[ConnectionT] | None = None,
    ) -> None:
        """`take_snapshot` gives, after each batch, the oldest snapshot that it was read in.

        `apart` takes loads that must not delay others: those that read further than a PAGE, and
        those of a batch that failed on a sound connection, retried call by call. A single call of
        several keys is retried too if one is Unreadable.
        """
        self._connections = connections
        self._apart = apart
        self._take_snapshot = take_snapshot
        self._gathered: dict[Fetch, _Gathered] = {}
        self._turns: deque[Fetch] = deque()
        self._lanes: set[asyncio.Task[None]] = set()
        self._is_starting = False
        self._loop: asyncio.AbstractEventLoop | None = None
        """The running loop, looked up once, since that is a system call in Python 3.11."""
        self.batches = 0

    def submit(
        self,
        fetch: Fetch,
        keys: Sequence[Any],
        note: Note | None = None,
        watch: Watch | None = None,
    ) -> asyncio.Future[list[Any]]:
        """Queues keys for `fetch(connection, keys)`; the future gives the values in key order.

        `watch` is called with the batch, and `note` before the future has its values.

        Keys are hashable: equal keys of all calls are fetched once. If the batch fails, each call
        gets an error of its own; cancelling one call does not affect the others.
        """
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        gathered = self._gathered.get(fetch)
        if gathered is None:
            gathered = self._gathered[fetch] = _Gathered(fetch)
            self._turns.append(fetch)
        waiter: asyncio.Future[list[Any]] = loop.create_future()
        gathered.waiters.append((keys, waiter, note))
        if watch is not None:
            gathered.watches = [*(gathered.watches or ()), watch]
        if not self._is_starting and len(self._lanes) < self._connections.count:
            # A task begins after this turn of the loop, so all loads of the turn join.
            self._is_starting = True
            self._lanes.add(loop.create_task(self._run_lane(is_first=True)))
        return waiter

    def submit_apart(
        self,
        fetch: Fetch,
        keys: Sequence[Any],
        reach: Reach,
        note: Note | None = None,
        watch: Watch | None = None,
    ) -> asyncio.Future[list[Any]]:
        """As `submit`, for keys that reach further than a PAGE: see `ApartDispatcher`."""
        if self._apart is None:
            return self.submit(fetch, keys, note, watch)
        return self._apart.submit(fetch, keys, reach, note, watch)

    def _start_others(self) -> None:
        """Starts a lane for each further batch, as far as connections are free."""
        self._is_starting = False
        free = self._connections.count - len(self._lanes)
        batches = 0
        for waiting in self._gathered.values():
            batches += ceil(len(waiting.waiters) / WAITERS_PER_BATCH)
        for _ in range(min(free, batches - 1)):
            self._lanes.add(asyncio.create_task(self._run_lane()))

    async def _run_lane(self, *, is_first: bool = False) -> None:
        """Runs batches, one after the other on one connection, until no keys wait."""
        # The task has the context of the call that started it, but works for all calls.
        if AT_WORK.get() is not None:
            AT_WORK.set(None)
        try:
            if is_first:
                self._start_others()
            while self._turns:
                await self._run_batches()
        finally:
            # Before any other task runs: the next `submit` must see that a lane is free.
            self._lanes.discard(asyncio.current_task())  # pyright: ignore[reportArgumentType]

    async def _run_batches(self) -> None:
        try:
            connection = await self._connections.take()
            try:
                while self._turns and not connection.is_closed:
                    await self._run_batch(connection, self._take())
            finally:
                await self._connections.give_back(connection)
        except Exception as error:  # no connection could be opened: all that wait for one fail
            while self._turns:
                self._take().fail(error)

    def _take(self) -> _Gathered:
        fetch = self._turns.popleft()
        gathered = self._gathered.pop(fetch)
        rest = gathered.split(WAITERS_PER_BATCH)
        if rest is not None:
            self._gathered[fetch] = rest
            self._turns.append(fetch)
        return gathered

    async def _run_batch(self, connection: ConnectionT, gathered: _Gathered) -> None:
        self.batches += 1
        keys: list[Any] = []
        try:
            keys = gathered.distinct_keys()
            if gathered.watches is None:
                values = await gathered.fetch(connection, keys)
            else:
                with batch_at_work(len(keys), len(gathered.waiters), gathered.watches):
                    values = await gathered.fetch(connection, keys)
            if len(values) != len(keys):
                name = getattr(gathered.fetch, "__qualname__", repr(gathered.fetch))
                raise TypeError(f"{name} promised {len(keys)} values and gave {len(values)}")
        except Exception as error:
            is_of_several = len(gathered.waiters) > 1 or (
                len(keys) > 1 and isinstance(error, Unreadable)
            )
            if self._apart is not None and is_of_several and not connection.is_closed:
                gathered.retry(self._apart)
            else:
                gathered.fail(error)
        except asyncio.CancelledError:
            gathered.fail(ConnectionAbortedError("the batch was cancelled"))
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
        else:
            gathered.answer(dict(zip(keys, values, strict=True)), self._take_snapshot(connection))

    async def close(self) -> None:
        """Cancels the running batches and closes the connections; calls that still wait fail."""
        lanes = list(self._lanes)
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        self._lanes.clear()  # a lane that was cancelled before it began has not removed itself
        self._is_starting = False
        while self._turns:
            self._take().fail(ConnectionAbortedError("the batch was cancelled"))
        await self._connections.close()
        if self._apart is not None:
            await self._apart.close()


class WatchedDispatcher:
    """A dispatcher for an operation that is explained: reports each batch to the field at work."""

    def __init__(self, dispatcher: Dispatcher[Any]) -> None:
        self._dispatcher = dispatcher

    def submit(
        self, fetch: Fetch, keys: Sequence[Any], note: Note | None = None
    ) -> asyncio.Future[list[Any]]:
        """See `Dispatcher.submit`."""
        return self._dispatcher.submit(fetch, keys, note, watch_at_work())

    def submit_apart(
        self, fetch: Fetch, keys: Sequence[Any], reach: Reach, note: Note | None = None
    ) -> asyncio.Future[list[Any]]:
        """See `Dispatcher.submit_apart`."""
        return self._dispatcher.submit_apart(fetch, keys, reach, note, watch_at_work())
