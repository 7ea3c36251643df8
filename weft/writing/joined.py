"""Writes that join across requests: group commit.

While every lane is busy, writes queue; a lane that becomes free begins a transaction and takes the
writes of one kind that have gathered by then. Load makes transactions larger instead of more. While
no transaction runs, a write does not wait for others: it begins at the end of the turn of the loop
in which it was submitted. Only after a batch of several does the next transaction wait for new
writes (`weft.writing.gathering`).
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from math import ceil
from typing import Any, Generic, Protocol, TypeVar

import structlog

from weft.errors import Unavailable
from weft.explanation import AT_WORK, ExplainedBatch, watch_at_work
from weft.loading.failure import own_error
from weft.writing.gathering import Gathering

LANES = 2
"""Transactions at once: the process works on one while the database works on the other."""
WRITES_PER_TRANSACTION = 32
PATIENCE_SECONDS = 0.005
"""How long few writes may wait: for a running transaction to end, or for more writes."""
UNKNOWN = "Whether this was written is unknown: read it."

_log = structlog.get_logger(__name__)


class Transaction(Protocol):
    """What a transaction provides once it has committed."""

    wait_seconds: float
    """How long after its COMMIT its writes must not be acknowledged."""


TransactionT = TypeVar("TransactionT", bound=Transaction)
RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")

JoinedWrite = Callable[[TransactionT, Sequence[RequestT]], Awaitable[Sequence[AnswerT | None]]]
"""Carries out requests by one statement and returns their answers in order.

None stands for a request of which it did nothing. It skips what it may not or cannot do, and what
it would have to wait for: rows that other transactions have locked. So it never delays one request
for another, and takes part in no deadlock.
"""


class _Asked:
    """A write that waits for its transaction."""

    __slots__ = ("answer", "request", "row", "watch", "write")

    def __init__(
        self,
        write: JoinedWrite[Any, Any, Any],
        row: Hashable,
        request: Any,
        answer: asyncio.Future[Any],
    ) -> None:
        self.write = write
        self.row = row
        self.request = request
        self.watch = watch_at_work()
        self.answer = answer


class JoinedWrites(Generic[TransactionT]):
    """Runs the writes of all requests in few transactions, on a few lanes."""

    def __init__(
        self,
        begin: Callable[[], AbstractAsyncContextManager[TransactionT]],
        *,
        lanes: int = LANES,
        most: int = WRITES_PER_TRANSACTION,
    ) -> None:
        """`begin` gives a transaction that commits when its block ends, unless the block raises.

        If it raises Unavailable, whether it was committed may be unknown; after any other exception
        it was not. At most `most` writes join in one transaction.
        """
        self._begin = begin
        self._count = lanes
        self._most = most
        self._queue: deque[_Asked] = deque()
        self._busy: set[Hashable] = set()
        self._lanes: set[asyncio.Task[None]] = set()
        self._carrying = 0
        self._gathering = Gathering(PATIENCE_SECONDS)
        self._patience: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        """The running loop, looked up once, since that is a system call in Python 3.11."""
        self.transactions = 0

    def submit(
        self, write: JoinedWrite[TransactionT, RequestT, AnswerT], row: Hashable, request: RequestT
    ) -> asyncio.Future[AnswerT | None]:
        """Gives the answer once it is committed; None if nothing was done: do it alone, or refuse.

        In a transaction of its own a request waits for the locks it needs, and gets its own error;
        so requests that fail together all get None, to be retried alone. Writes of the same `row`
        never join: they run one after another in the order in which they were submitted. A write
        that is cancelled before its transaction begins is not carried out; after that it is.
        """
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        asked = _Asked(write, row, request, loop.create_future())
        self._queue.append(asked)
        self._gathering.asked(len(self._queue))
        if self._is_worth_a_lane():
            self._start()
        elif self._patience is None:
            self._patience = loop.call_later(PATIENCE_SECONDS, self._start_late)
        return asked.answer

    def _is_worth_a_lane(self) -> bool:
        """Whether to open another transaction for the queue.

        While transactions are beginning: if the queue exceeds what they can take. Otherwise: if it
        is at least as long as the average running batch. A transaction costs about the same whether
        it carries one write or ten.
        """
        beginning = len(self._lanes) - self._carrying
        if beginning:
            return len(self._queue) > beginning * self._most
        return len(self._queue) * len(self._lanes) >= len(self._busy)

    def _start_late(self) -> None:
        self._patience = None
        if self._queue:
            self._start()

    def _start(self) -> None:
        if len(self._lanes) < self._count:
            # A task begins after this turn of the loop, so all writes of the turn join.
            self._lanes.add(asyncio.create_task(self._run_lane()))

    async def _run_lane(self) -> None:
        """Runs transactions one after the other, until all queued writes wait for other lanes."""
        # The task has the context of the write that started it, but works for all writes.
        if AT_WORK.get() is not None:
            AT_WORK.set(None)
        try:
            while not self._gathering.is_under_way and any(map(self._can_begin, self._queue)):
                await self._run()
        finally:
            # Before any other task runs: the next `submit` must see that a lane is free.
            self._lanes.discard(asyncio.current_task())  # pyright: ignore[reportArgumentType]

    def _can_begin(self, asked: _Asked) -> bool:
        return asked.row not in self._busy and not asked.answer.done()

    def _take(self) -> list[_Asked]:
        """Takes the next batch: of one kind, no row twice, and no row that is being written.

        A queue that does not fit in one transaction is divided evenly: a transaction of thirty
        beside one of two would be no better than one after the other.
        """
        most = ceil(len(self._queue) / ceil(len(self._queue) / self._most)) if self._queue else 0
        batch: list[_Asked] = []
        left: list[_Asked] = []
        rows_left: set[Hashable] = set()
        while self._queue and len(batch) < most:
            asked = self._queue.popleft()
            if asked.answer.done():
                continue
            is_taken = asked.row in self._busy or asked.row in rows_left
            if is_taken or (batch and asked.write != batch[0].write):
                left.append(asked)
                rows_left.add(asked.row)
            else:
                batch.append(asked)
                self._busy.add(asked.row)
        self._queue.extendleft(reversed(left))
        return batch

    async def _run(self) -> None:
        """Runs one transaction, empty if the writes were taken or cancelled while it began."""
        batch: list[_Asked] = []
        try:
            answers, wait_seconds = await self._written(batch)
        except Exception as error:
            _fail(batch, error)
        except asyncio.CancelledError:
            _fail(batch, Unavailable(UNKNOWN))
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
        else:
            if wait_seconds:
                loop = asyncio.get_running_loop()
                loop.call_later(wait_seconds, _answer, batch, answers)
            else:
                _answer(batch, answers)
        finally:
            if batch:
                self._carrying -= 1
                self._gathering.answered(len(batch))
            self._busy.difference_update(asked.row for asked in batch)

    async def _written(self, batch: list[_Asked]) -> tuple[Sequence[Any], float]:
        """Carries out a batch; returns the answers, and how many seconds they must be held back.

        Raises Unavailable if it is unknown whether the transaction was committed.
        """
        failed = False
        try:
            async with self._begun(batch) as transaction:
                try:
                    answers = await _carried_out(transaction, batch) if batch else ()
                except Exception:
                    failed = True
                    raise
            return answers, transaction.wait_seconds
        except Exception as error:
            # Even when the connection is lost: before its COMMIT nothing is committed.
            if isinstance(error, Unavailable) and not failed:
                raise
            _log.warning("joined_writes_failed", count=len(batch), error=type(error).__name__)
            return [None] * len(batch), 0

    @asynccontextmanager
    async def _begun(self, batch: list[_Asked]) -> AsyncGenerator[TransactionT]:
        """Begins a transaction, and only then fills `batch`.

        Fills it too if the transaction could not begin, since these writes share its outcome.
        """
        began = False
        try:
            async with self._begin() as transaction:
                began = True
                await self._gathering.wait(len(self._queue))
                self._fill(batch)
                yield transaction
        finally:
            if not began:
                self._fill(batch)

    def _fill(self, batch: list[_Asked]) -> None:
        do_not_fit = len(self._queue) > self._most
        batch += self._take()
        if batch:
            self.transactions += 1
            self._carrying += 1
            if do_not_fit:
                self._start()

    async def close(self) -> None:
        """Cancels the running transactions; writes that still wait fail with Unavailable."""
        lanes = list(self._lanes)
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        self._lanes.clear()  # a lane that was cancelled before it began has not removed itself
        if self._patience is not None:
            self._patience.cancel()
        _fail(list(self._queue), Unavailable("The server stops."))
        self._queue.clear()


async def _carried_out(transaction: Any, batch: Sequence[_Asked]) -> Sequence[Any]:
    write, requests = batch[0].write, [asked.request for asked in batch]
    watches = [asked.watch for asked in batch if asked.watch is not None]
    work = ExplainedBatch(len(batch), len(batch))
    token = AT_WORK.set(work if watches else None)
    try:
        answers = await write(transaction, requests)
    finally:
        AT_WORK.reset(token)
        for watch in watches:
            watch(work)
    if len(answers) != len(batch):
        name = getattr(write, "__qualname__", repr(write))
        raise TypeError(f"{name} promised {len(batch)} answers and gave {len(answers)}")
    return answers


def _answer(batch: Sequence[_Asked], answers: Sequence[Any]) -> None:
    for asked, answer in zip(batch, answers, strict=True):
        if not asked.answer.done():
            asked.answer.set_result(answer)


def _fail(batch: Sequence[_Asked], error: Exception) -> None:
    for asked in batch:
        if not asked.answer.done():
            asked.answer.set_exception(own_error(error))
