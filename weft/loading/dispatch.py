"""Batches that join across requests: group commit, for reads.

While every connection is busy, keys queue; a connection that comes free takes what has gathered for
one source in one batch. Load makes batches larger instead of queues longer. A batch starts only
after its keys were asked for, so it sees all that was committed before.
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
"""More wait for another batch, so that we work on the one while the database works on the other."""


class _Gathered:
    """What has gathered for one source: who waits for which keys."""

    __slots__ = ("fetch", "waiters", "watches")

    def __init__(self, fetch: Fetch) -> None:
        self.fetch = fetch
        self.watches: list[Watch] | None = None
        self.waiters: list[tuple[Sequence[Any], asyncio.Future[list[Any]], Note | None]] = []

    def split(self, most: int) -> "_Gathered | None":
        """Leaves the first `most` waiters; gives what is left of the others, if there are more."""
        if len(self.waiters) <= most:
            return None
        rest = _Gathered(self.fetch)
        rest.watches = self.watches
        self.waiters, rest.waiters = self.waiters[:most], self.waiters[most:]
        return rest

    def distinct_keys(self) -> list[Any]:
        """What all of them wait for, each key once."""
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
    """Runs the batches of every source on a few held connections, sources taking turns."""

    def __init__(
        self,
        connections: HeldConnections[ConnectionT],
        take_snapshot: Callable[[ConnectionT], Snapshot] = lambda _: UNKNOWN,
        apart: ApartDispatcher[ConnectionT] | None = None,
    ) -> None:
        """`take_snapshot` tells, after each batch, the oldest snapshot that it was read in.

        `apart` takes what must not hold up the others: what reads far, and what has made a batch
        fail whose connection is sound, each waiter's by itself; key by key if it is Unreadable.
        """
        self._connections = connections
        self._apart = apart
        self._take_snapshot = take_snapshot
        self._gathered: dict[Fetch, _Gathered] = {}
        self._turns: deque[Fetch] = deque()
        self._lanes: set[asyncio.Task[None]] = set()
        self._is_starting = False
        self._loop: asyncio.AbstractEventLoop | None = None
        """That of its connections; found out once, which is a system call in Python 3.11."""
        self.batches = 0

    def submit(
        self,
        fetch: Fetch,
        keys: Sequence[Any],
        note: Note | None = None,
        watch: Watch | None = None,
    ) -> asyncio.Future[list[Any]]:
        """Asks `fetch(connection, keys)` for values; the future gives them in key order.

        `note` is called before the future has them; `watch` is then told of the batch.

        Keys are hashable: equal keys of all waiters are asked for once. Every waiter gets an error
        of its own if the batch fails, and cancelling one takes nothing from the others.
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
            # A task begins after this turn of the loop: whoever asks in the same turn joins.
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
        """As `submit`, for what reads further than a PAGE: see `ApartDispatcher`."""
        if self._apart is None:
            return self.submit(fetch, keys, note, watch)
        return self._apart.submit(fetch, keys, reach, note, watch)

    def _start_others(self) -> None:
        """Starts a lane for each other batch there is, as far as connections are free."""
        self._is_starting = False
        free = self._connections.count - len(self._lanes)
        batches = 0
        for waiting in self._gathered.values():
            batches += ceil(len(waiting.waiters) / WAITERS_PER_BATCH)
        for _ in range(min(free, batches - 1)):
            self._lanes.add(asyncio.create_task(self._run_lane()))

    async def _run_lane(self, *, is_first: bool = False) -> None:
        """Batches, one after the other on one connection, until nothing is gathered."""
        # Whoever asked first has started this lane; what it runs is not that one's alone.
        if AT_WORK.get() is not None:
            AT_WORK.set(None)
        try:
            if is_first:
                self._start_others()
            while self._turns:
                await self._run_batches()
        finally:
            # Before anybody else runs: who asks next must see that a lane is free.
            self._lanes.discard(asyncio.current_task())  # pyright: ignore[reportArgumentType]

    async def _run_batches(self) -> None:
        try:
            connection = await self._connections.take()
            try:
                while self._turns and not connection.is_closed:
                    await self._run_batch(connection, self._take())
            finally:
                await self._connections.give_back(connection)
        except Exception as error:  # no connection to be had: nobody is left waiting for one
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
        """Ends what runs and closes the connections; whoever still waits is told so."""
        lanes = list(self._lanes)
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        self._lanes.clear()  # one that had not begun yet has not left by itself
        self._is_starting = False
        while self._turns:
            self._take().fail(ConnectionAbortedError("the batch was cancelled"))
        await self._connections.close()
        if self._apart is not None:
            await self._apart.close()


class WatchedDispatcher:
    """A dispatcher for one operation that is explained: each batch is told to who asked for it."""

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
