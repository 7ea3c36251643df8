"""Loads that may take long: apart from all others, on connections and with limits of their own.

A load that reads more rows than it returns would delay every ordinary read with which it shared a
connection or a statement. Here such keys are not joined across operations, clients take turns, and
a job whose last waiter has left is not begun, or is cancelled.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any, Generic, TypeVar

from weft.errors import RateLimited, TookTooLong, TooMuchToRead, Unreadable
from weft.explanation import Watch, batch_at_work
from weft.loading.connections import Closable, HeldConnections
from weft.loading.failure import own_error
from weft.loading.job_queue import ClientKey, JobQueue
from weft.loading.reach import Reach
from weft.loading.snapshot import UNKNOWN, Snapshot
from weft.rates.address import client_at_work

ConnectionT = TypeVar("ConnectionT", bound=Closable)

RETRIED: ClientKey = ("retried", None)
"""The client of all loads that failed in a batch with others and are retried by themselves."""
RETRY_AFTER_SECONDS = 1


class _Waiter:
    """One call, which gets its values when all its jobs are done, or the first error."""

    __slots__ = ("future", "jobs", "keys", "note", "values")

    def __init__(self, keys: Sequence[Any], future: asyncio.Future[list[Any]], note: Any) -> None:
        self.keys = keys
        self.future = future
        self.note = note
        self.jobs: set[_Job] = set()
        self.values: dict[Any, Any] = {}

    def take(self, values: dict[Any, Any], snapshot: Snapshot) -> None:
        if self.future.done():
            return
        if self.note is not None:
            self.note(snapshot)
        self.values.update(values)
        if not self.jobs:
            self.future.set_result([self.values[key] for key in self.keys])

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(own_error(error))


class _Job:
    """Keys for one statement, and the calls that wait for them."""

    __slots__ = ("clients", "fetch", "is_retry", "keys", "task", "waiters", "watches")

    def __init__(self, fetch: Any, keys: tuple[Any, ...], *, is_retry: bool) -> None:
        self.fetch = fetch
        self.keys = keys
        self.is_retry = is_retry
        self.clients: set[ClientKey] = set()
        self.waiters: set[_Waiter] = set()
        self.watches: list[Watch] = []
        self.task: asyncio.Task[None] | None = None

    @property
    def name(self) -> tuple[Any, ...]:
        """Equal for jobs that one statement can answer together."""
        return self.fetch, self.keys, self.is_retry

    def let_go(self) -> list[_Waiter]:
        """Detaches the job from its waiters and returns them."""
        waiters = list(self.waiters)
        for waiter in waiters:
            waiter.jobs.discard(self)
        self.waiters.clear()
        return waiters


class ApartDispatcher(Generic[ConnectionT]):
    """Runs jobs on a few held connections, one at a time on each; clients take turns.

    Equal jobs that have not begun become one. A job of several keys that fails while the connection
    is sound is retried key by key, so that one key fails alone: n keys take n + 1 statements at
    most. A key that is Unreadable has this error as its value, if its call has other keys too.
    """

    def __init__(
        self,
        connections: HeldConnections[ConnectionT],
        take_snapshot: Callable[[ConnectionT], Snapshot] = lambda _: UNKNOWN,
        *,
        most_waiting: int,
        timeout_ms: int,
    ) -> None:
        """A client may queue `most_waiting` jobs; `timeout_ms` is the timeout of the connections.

        `take_snapshot` gives, after each job, the oldest snapshot that it was read in.
        """
        self._connections = connections
        self._take_snapshot = take_snapshot
        self._most_waiting = most_waiting
        self._timeout_ms = timeout_ms
        self._waiting: JobQueue[_Job] = JobQueue()
        self._queued: dict[tuple[Any, ...], _Job] = {}
        self._running: set[_Job] = set()
        self._is_starting = False

    def submit(
        self,
        fetch: Any,
        keys: Sequence[Any],
        reach: Reach,
        note: Any = None,
        watch: Watch | None = None,
    ) -> asyncio.Future[list[Any]]:
        """Queues `fetch(connection, keys)`: one call for all keys or, with TABLE, one for each.

        The future gives the values in key order. It raises RateLimited if the client has too many
        jobs in the queue, and TooMuchToRead if PostgreSQL took too long. Cancelling it drops or
        cancels the jobs that have no other waiter.
        """
        waiter = self._waiter(keys, asyncio.get_running_loop().create_future(), note)
        client = client_at_work()
        if self._waiting.count(client) >= self._most_waiting:
            waiter.fail(
                RateLimited(
                    f"You have {self._most_waiting} searches waiting, the most there may be.",
                    RETRY_AFTER_SECONDS,
                )
            )
            return waiter.future
        distinct = tuple(dict.fromkeys(keys))
        for part in [(key,) for key in distinct] if reach is Reach.TABLE else [distinct]:
            job = self._add(fetch, part, client, waiter)
            if watch is not None:
                job.watches.append(watch)
        return waiter.future

    def retry(
        self, fetch: Any, keys: Sequence[Any], future: asyncio.Future[list[Any]], note: Any
    ) -> None:
        """Retries keys that failed with those of other calls; `future` gets values or an error."""
        waiter = self._waiter(keys, future, note)
        self._add(fetch, tuple(dict.fromkeys(keys)), RETRIED, waiter, is_retry=True)

    def _waiter(self, keys: Sequence[Any], future: asyncio.Future[list[Any]], note: Any) -> _Waiter:
        waiter = _Waiter(keys, future, note)
        future.add_done_callback(lambda _: self._leave(waiter))
        return waiter

    def _add(
        self,
        fetch: Any,
        keys: tuple[Any, ...],
        client: ClientKey,
        waiter: _Waiter,
        *,
        is_retry: bool = False,
    ) -> _Job:
        job = _Job(fetch, keys, is_retry=is_retry)
        job = self._queued.setdefault(job.name, job)
        job.waiters.add(waiter)
        waiter.jobs.add(job)
        job.clients.add(client)
        self._waiting.add(client, job)
        self._start_soon()
        return job

    def _leave(self, waiter: _Waiter) -> None:
        """Drops the waiter's jobs that have no other waiter, or cancels their statements."""
        for job in waiter.jobs:
            job.waiters.discard(waiter)
            if job.waiters:
                continue
            if job.task is None:
                self._unqueue(job)
            else:
                job.task.cancel()
        waiter.jobs.clear()

    def _unqueue(self, job: _Job) -> None:
        del self._queued[job.name]
        for client in job.clients:
            self._waiting.discard(client, job)

    def _start_soon(self) -> None:
        # After this turn of the loop, so that all loads of the turn join.
        if not self._is_starting:
            self._is_starting = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._is_starting = False
        while self._waiting and len(self._running) < self._connections.count:
            job = self._waiting.take()
            self._unqueue(job)
            self._running.add(job)
            # A job may have several clients: it runs in a context of its own.
            job.task = asyncio.get_running_loop().create_task(self._run(job), context=Context())

    async def _run(self, job: _Job) -> None:
        try:
            connection = await self._connections.take()
            try:
                await self._answer(connection, job)
            finally:
                await self._connections.give_back(connection)
        except asyncio.CancelledError:
            self._fail(job, ConnectionAbortedError("the batch was cancelled"))
        except Exception as error:  # no connection could be opened
            self._fail(job, error)
        finally:
            self._running.discard(job)
            self._start_soon()

    async def _answer(self, connection: ConnectionT, job: _Job) -> None:
        try:
            with batch_at_work(len(job.keys), len(job.waiters), job.watches):
                found = await job.fetch(connection, job.keys)
            values = dict(zip(job.keys, found, strict=True))
        except Exception as error:
            if len(job.keys) > 1 and not connection.is_closed:
                self._try_key_by_key(job)
            else:
                self._fail(job, error)
        else:
            snapshot = self._take_snapshot(connection)
            for waiter in job.let_go():
                waiter.take(values, snapshot)

    def _try_key_by_key(self, job: _Job) -> None:
        for waiter in job.let_go():
            for key in job.keys:
                for client in job.clients:
                    self._add(job.fetch, (key,), client, waiter, is_retry=job.is_retry)

    def _fail(self, job: _Job, error: Exception) -> None:
        if isinstance(error, TookTooLong) and not job.is_retry:
            error = TooMuchToRead(
                f"This took the database longer than {self._timeout_ms} ms: ask for less, by a "
                "narrower filter."
            )
        for waiter in job.let_go():
            if isinstance(error, Unreadable) and len(waiter.keys) > 1:
                waiter.take(dict.fromkeys(job.keys, own_error(error)), UNKNOWN)
            else:
                waiter.fail(error)

    async def close(self) -> None:
        """Cancels the running jobs and closes the connections; calls that still wait fail."""
        jobs = [*self._running, *self._queued.values()]
        for job in list(self._queued.values()):
            self._unqueue(job)
        for job in jobs:
            self._fail(job, ConnectionAbortedError("the batch was cancelled"))
        tasks = [job.task for job in jobs if job.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._connections.close()
