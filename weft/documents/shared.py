"""Documents by SHA-256 in Redis, for all processes; bounded, and no response depends on them."""

import asyncio
import time

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from weft.cancellation import cancellable

SECONDS = 0.25
LONGEST_CHARACTERS = 65_536
KEPT_SECONDS = 30 * 86_400

# Evicts the documents that were requested longest ago, by the times in the index.
KEEP = """
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[4])
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
local over = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[5])
if over > 0 then
  for _, hash in ipairs(redis.call('ZRANGE', KEYS[1], 0, over - 1)) do
    redis.call('DEL', ARGV[6] .. hash)
    redis.call('ZREM', KEYS[1], hash)
  end
end
"""

log = structlog.get_logger(__name__)


class SharedDocuments:
    """Documents that clients have registered by sending them; at most `limit` of them.

    While Redis is out of reach all look-ups miss: clients then send the text, and it is run.
    """

    def __init__(self, redis: Redis, prefix: str, limit: int) -> None:
        self._redis = redis
        self._index = f"{prefix}:documents"
        self._prefix = f"{prefix}:document:"
        self._limit = limit
        self._keep = redis.register_script(KEEP)

    async def get(self, sha256: str) -> str | None:
        """Returns the text with that hash; None if it is unknown or Redis is out of reach."""
        try:
            async with asyncio.timeout(SECONDS), self._redis.pipeline(transaction=False) as pipe:
                pipe.get(self._prefix + sha256)
                pipe.zadd(self._index, {sha256: time.time()}, xx=True)
                found, _ = await cancellable(pipe.execute())
        except (RedisError, OSError, TimeoutError):
            log.warning("documents_unreachable")
            return None
        return found.decode() if isinstance(found, bytes) else found

    async def put(self, sha256: str, text: str) -> None:
        """Stores a text, unless it is too long or Redis is out of reach."""
        if len(text) > LONGEST_CHARACTERS:
            return
        try:
            async with asyncio.timeout(SECONDS):
                keeping = self._keep(
                    keys=[self._index, self._prefix + sha256],
                    args=[sha256, text, time.time(), KEPT_SECONDS, self._limit, self._prefix],
                )
                await cancellable(keeping)
        except (RedisError, OSError, TimeoutError):
            log.warning("documents_unreachable")
