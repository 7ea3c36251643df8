"""Deadlines for many operations by one timer.

`asyncio.timeout` sets and cancels a timer for every operation, which takes longer than to execute
a small one. All operations of a server have the same time, so they run out of it in the order in
which they began: only the first of them needs a timer.
"""

import asyncio
from types import TracebackType


class Deadline:
    """`with Deadline(...):` is cancelled at its end, and then raises TimeoutError.

    A cancellation by anybody else goes on as such, as by `asyncio.timeout`.
    """

    __slots__ = ("_cancelling", "_queue", "_task", "ends_at", "is_over")

    def __init__(self, queue: "Deadlines") -> None:
        self._queue = queue
        self.is_over = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self._queue.begin(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._queue.end(self)
        is_ours = self.is_over and self._task.uncancel() <= self._cancelling
        if is_ours and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def run_out(self) -> None:
        """The time is over."""
        self.is_over = True
        self._task.cancel()


class Deadlines:
    """The deadlines of one event loop that are `seconds` long, the earliest first."""

    def __init__(self, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._seconds = seconds
        self._open: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, deadline: Deadline) -> None:
        deadline.ends_at = self.loop.time() + self._seconds
        self._open[deadline] = None
        if self._timer is None:
            self._timer = self.loop.call_at(deadline.ends_at, self._run_out)

    def end(self, deadline: Deadline) -> None:
        self._open.pop(deadline, None)

    def _run_out(self) -> None:
        """Ends what is over; the timer goes on for the first that is not."""
        self._timer = None
        now = self.loop.time()
        for deadline in list(self._open):
            if deadline.ends_at > now:
                self._timer = self.loop.call_at(deadline.ends_at, self._run_out)
                break
            del self._open[deadline]
            deadline.run_out()


class DeadlinesByLength:
    """All deadlines of an engine."""

    def __init__(self) -> None:
        self._of_length: dict[float, Deadlines] = {}

    def deadline(self, seconds: float | None) -> Deadline | None:
        """A deadline in so many seconds, in the running event loop; None for None."""
        if seconds is None:
            return None
        loop = asyncio.get_running_loop()
        deadlines = self._of_length.get(seconds)
        if deadlines is None or deadlines.loop is not loop:
            deadlines = self._of_length[seconds] = Deadlines(seconds, loop)
        return Deadline(deadlines)
