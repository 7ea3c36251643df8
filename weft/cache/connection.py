"""One connection to Redis that is held open: commands and their replies, within a time limit."""

import asyncio
from collections.abc import Mapping
from typing import Any

import hiredis
from redis.asyncio.connection import ConnectionPool
from redis.exceptions import RedisError

from weft.cache.errors import CacheUnavailable

CONNECT_SECONDS = 0.25
RUN_ID_LETTERS = 8

Command = tuple[Any, ...]
"""The parts are bytes or integers."""

FAILURES = (RedisError, OSError, TimeoutError)


class RedisConnection:
    """A connection that redis-py opens and parses, without redis-py's overhead for each command.

    `run_id` names the server process. A restarted server and a promoted replica have another one:
    what they hold may be older than what was written to the server before.
    """

    def __init__(self, raw: Any, run_id: str, *, is_in_cluster: bool) -> None:
        self._raw = raw
        self.run_id = run_id
        self.is_in_cluster = is_in_cluster

    async def ask_all(self, commands: list[Command], *, seconds: float) -> list[Any]:
        """Sends commands in one write and returns their replies, error replies among them.

        If a reply does not come, closes the connection and raises CacheUnavailable.
        """
        packed = b"".join([hiredis.pack_command(command) for command in commands])
        answers: list[Any] = []
        try:
            async with asyncio.timeout(seconds):
                await self._raw.send_packed_command(packed, check_health=False)
                for _ in commands:
                    try:
                        answers.append(await self._raw.read_response())
                    except RedisError as error:
                        if not self._raw.is_connected:
                            raise
                        answers.append(error)
        except FAILURES as error:
            await self.close()
            raise CacheUnavailable("The cache did not answer.") from error
        except BaseException:
            await self.close()  # an unread reply would be taken for that of the next command
            raise
        return answers

    @property
    def is_closed(self) -> bool:
        """Whether the connection is lost; it never opens again."""
        return not self._raw.is_connected

    async def close(self) -> None:
        """Closes the connection, without waiting for Redis."""
        await self._raw.disconnect(nowait=True)


async def connect(pool: ConnectionPool) -> RedisConnection:
    """Opens a connection to the server of the pool; CacheUnavailable if that fails."""
    raw: Any = pool.make_connection()
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await raw.connect()
            command: Command = (b"INFO", b"server")
            await raw.send_packed_command(hiredis.pack_command(command), check_health=False)
            info = await raw.read_response()
    except FAILURES as error:
        await raw.disconnect(nowait=True)
        raise CacheUnavailable("The cache could not be reached.") from error
    text = info.decode() if isinstance(info, bytes) else str(info)
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    run_id = fields.get("run_id", "")[:RUN_ID_LETTERS]
    return RedisConnection(raw, run_id, is_in_cluster=is_in_cluster(fields))


def is_in_cluster(information: Mapping[str, Any]) -> bool:
    """Whether a server belongs to a cluster, by the fields of its `INFO server`."""
    mode = information.get("redis_mode") or information.get("server_mode")  # the latter is Valkey's
    return mode == "cluster"
