"""The two Redis channels of the change log. What goes through them only saves waiting."""

from collections.abc import Callable
from typing import Any, Never

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from weft.cancellation import cancellable
from weft.changes.outage import Outage

_LISTEN_SECONDS = 1.0
"""How long a subscription hears nothing before it asks for a sign of life."""
_MOST_SILENT = 3
"""How often in a row it asks without an answer before it begins anew."""


class Channels:
    """The channels of one log, by its name; None until `log_name` was set.

    Redis does not separate channels by database number. So their names say which log they are of:
    deployments that share a Redis and a prefix do not hear each other.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.log_name: str | None = None

    def changes(self) -> str | None:
        """Carries batches of positioned changes, from the relay to the hubs."""
        return self._named("changes")

    def wake(self) -> str | None:
        """Tells the relay that a transaction has committed."""
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

    That is each time a subscription begins, the first time too. Redis keeps nothing for those who
    are away, and redis-py renews a lost connection by itself; the confirmation that Redis sends for
    each subscription is what tells of both. A connection on which Redis says nothing, not even when
    asked, is given up. `find_channel` gives the channel's name, None while it is not known; another
    name begins another subscription. Runs until it is cancelled.
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
