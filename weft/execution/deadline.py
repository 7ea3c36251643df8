"""Deadlines for many operations with one timer.

`asyncio.timeout` sets and cancels a timer for every operation, which takes longer than executing
a small one. All operations of a server have the same timeout, so they reach their deadlines in the
order in which they began: only the first of them needs a timer.
"""

import asyncio
from types import TracebackType
from typing import Any


class Deadline:
    """`with Deadline(...):` is cancelled when the time is over, and then raises TimeoutError.

    Any other cancellation propagates as such, as with `asyncio.timeout`.
    """

    __slots__ = ("_cancelling", "_queue", "_task", "ends_at", "is_over")

    def __init__(self, queue: "Deadlines", task: asyncio.Task[Any]) -> None:
        """`task` is the task that enters it."""
        self._queue = queue
        self._task = task
        self.is_over = False

    def __enter__(self) -> None:
        self._cancelling = self._task.cancelling()
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
        """Cancels the task, as the time is over."""
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
        """Ends the deadlines that are over; sets the timer for the first that is not."""
        self._timer = None
        now = self.loop.time()
        for deadline in list(self._open):
            if deadline.ends_at > now:
                self._timer = self.loop.call_at(deadline.ends_at, self._run_out)
                break
            del self._open[deadline]
            deadline.run_out()


class DeadlinesByLength:
    """All deadlines of an engine, which serves one event loop at a time."""

    def __init__(self) -> None:
        self._of_length: dict[float, Deadlines] = {}

    def deadline(self, seconds: float | None) -> Deadline | None:
        """A deadline for the running task, `seconds` after it is entered; None if that is None."""
        if seconds is None:
            return None
        deadlines = self._of_length.get(seconds)
        # The loop is looked up once: that takes a system call in Python 3.11.
        task = None if deadlines is None else asyncio.current_task(deadlines.loop)
        if deadlines is None or task is None:
            loop = asyncio.get_running_loop()
            deadlines = self._of_length[seconds] = Deadlines(seconds, loop)
            task = asyncio.current_task(loop)
            assert task is not None
        return Deadline(deadlines, task)
