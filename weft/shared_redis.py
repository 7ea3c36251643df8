"""The Redis client that all parts of a process share, except the cache."""

from contextlib import suppress

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from weft.tcp import redis_options

ANSWER_SECONDS = 2.0
"""Time limit of one command, and of connecting; some callers set shorter ones of their own."""
RETRIES = 1


def shared_redis(url: str) -> Redis:
    """Returns a client that drops a connection on which Redis does not answer; opens none yet."""
    return Redis.from_url(
        url,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), RETRIES),
        **redis_options(url),
    )


async def close_redis(redis: Redis) -> None:
    """Closes its connections, whether Redis answers or not."""
    with suppress(RedisError, OSError):
        await redis.aclose()
