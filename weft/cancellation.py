"""Cancellations that are never lost, whatever the awaited library does with them."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

AGAIN_SECONDS = 0.05
"""How long cancelled work has to end before it is cancelled again."""

AnswerT = TypeVar("AnswerT")


async def cancellable(work: Awaitable[AnswerT]) -> AnswerT:
    """Returns the result of a library's `work`; a cancelled caller cancels it until it has ended.

    Before Python 3.12 `asyncio.wait_for` loses a cancellation that arrives when what it waits for
    has just finished; redis-py sends by it, and aiosmtplib reads by it. Here `work` is a task of
    its own, and the caller waits by `asyncio.wait`, which loses none. A caller that is cancelled
    again, such as by another `cancellable` around this one, still waits: nothing is left running.

    A result that arrives together with the cancellation is dropped, so this is not for work whose
    result has to be closed.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        while not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):  # the caller, cancelled again, still waits
                await asyncio.wait({task}, timeout=AGAIN_SECONDS)
        if not task.cancelled():
            task.exception()  # else asyncio would log that it was never retrieved
        raise
    return task.result()


def heed_cancellation() -> None:
    """Raises CancelledError if the running task was cancelled, even if that error was swallowed."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
