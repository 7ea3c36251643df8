"""Waiting in tests: for a condition or a result, with a timeout that only a fault reaches."""

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, TypeVar

PATIENCE_SECONDS = 60
"""Far longer than anything takes on a busy machine; a test that waits this long fails."""

POLL_SECONDS = 0.01

ValueT = TypeVar("ValueT")


async def until(holds: Callable[[], bool | Awaitable[Any]]) -> None:
    """Waits until `holds` returns true; raises TimeoutError after PATIENCE_SECONDS."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            held = holds()
            if await held if isawaitable(held) else held:
                return
            await asyncio.sleep(POLL_SECONDS)


async def soon(awaitable: Awaitable[ValueT]) -> ValueT:
    """Returns the result of the awaitable; raises TimeoutError after PATIENCE_SECONDS."""
    return await asyncio.wait_for(awaitable, PATIENCE_SECONDS)
