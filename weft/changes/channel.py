"""The two Redis channels of the change log. What goes through them only saves waiting."""

import asyncio
from collections.abc import Callable
from typing import Any, Never

from redis.asyncio import Redis
from redis.exceptions import RedisError

from weft.changes.outage import Outage

REDIS_ERRORS = (RedisError, OSError)

_LISTEN_SECONDS = 1.0
"""How often a silent subscription looks whether it was cancelled, and asks for a sign of life."""
_MOST_SILENT = 3
"""How often in a row it asks without an answer before it begins anew."""


def changes_channel(prefix: str) -> str:
    """Carries batches of positioned changes, from the relay to the hubs."""
    return f"{prefix}:changes"


def wake_channel(prefix: str) -> str:
    """Tells the relay that a transaction has committed."""
    return f"{prefix}:changes:wake"


async def follow(
    redis: Redis, channel: str, hear: Callable[[bytes | str | None], None], outage: Outage
) -> Never:
    """Calls `hear` with each message, and with None whenever messages may have been missed.

    That is each time a subscription begins, the first time too. Redis keeps nothing for those who
    are away, and redis-py renews a lost connection by itself; the confirmation that Redis sends for
    each subscription is what tells of both. A connection on which Redis says nothing, not even when
    asked, is given up. Runs until it is cancelled.
    """
    while True:
        try:
            async with redis.pubsub() as subscription:
                await subscription.subscribe(channel)
                silent = 0
                while True:
                    heed_cancellation()
                    message: dict[str, Any] | None = await subscription.get_message(
                        timeout=_LISTEN_SECONDS
                    )
                    if message is not None:
                        silent = 0
                        outage.answered()
                        if message["type"] != "pong":
                            hear(message["data"] if message["type"] == "message" else None)
                    elif silent == _MOST_SILENT:
                        raise TimeoutError("Redis does not answer.")
                    else:
                        silent += 1
                        await subscription.ping()
        except REDIS_ERRORS as error:
            outage.failed(error)
        await outage.pause()


def heed_cancellation() -> None:
    """Raises CancelledError if this task is being cancelled; to be called after asking Redis.

    redis-py sends by `asyncio.wait_for`, which before Python 3.12 loses a cancellation that arrives
    in the moment when the sending is done.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
