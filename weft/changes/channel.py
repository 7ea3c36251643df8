"""The two Redis channels of the change log. Their messages only shorten waiting."""

from collections.abc import Callable
from typing import Any, Never

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from weft.cancellation import cancellable
from weft.changes.outage import Outage

_LISTEN_SECONDS = 1.0
"""Seconds of silence on a subscription after which a PING is sent."""
_MOST_SILENT = 3
"""PINGs in a row without an answer after which the connection is replaced."""


class Channels:
    """Names of the channels of one log; None until `log_name` is set.

    Redis does not separate channels by database number, so each name contains the name of the log:
    deployments that share a Redis and a prefix do not receive each other's messages.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.log_name: str | None = None

    def changes(self) -> str | None:
        """The channel of batches of positioned changes, from the relay to the hubs."""
        return self._named("changes")

    def wake(self) -> str | None:
        """The channel that wakes the leader after a transaction has committed."""
        return self._named("changes:wake")

    def _named(self, kind: str) -> str | None:
        return self.log_name and f"{self._prefix}:{kind}:{self.log_name}"


async def follow(
    redis: Redis,
    find_channel: Callable[[], str | None],
    hear: Callable[[bytes | str | None], None],
    outage: Outage,
) -> Never:
    """Calls `hear` with each message, and with None whenever messages may have been missed.

    That is at the start of each subscription, the first included: Redis keeps no messages for
    disconnected subscribers, and redis-py reconnects by itself. Both are noticed by the
    confirmation that Redis sends for each subscription. A connection on which Redis stays silent,
    even after PINGs, is closed. `find_channel` returns the channel's name, None while it is
    unknown; a changed name begins another subscription. Runs until it is cancelled.
    """
    while True:
        async with outage.attempt():
            if channel := find_channel():
                async with redis.pubsub() as subscription:
                    await cancellable(subscription.subscribe(channel))
                    # One task for all messages, not one for each of them.
                    await cancellable(
                        _listen(subscription, lambda: find_channel() == channel, hear, outage)
                    )
        await outage.pause()


async def _listen(
    subscription: PubSub,
    goes_on: Callable[[], bool],
    hear: Callable[[bytes | str | None], None],
    outage: Outage,
) -> None:
    silent = 0
    while goes_on():
        message: dict[str, Any] | None = await subscription.get_message(timeout=_LISTEN_SECONDS)
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
