"""Lists, shows and drops the cached values in Redis, for operators."""

import re
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from redis.asyncio import Redis, RedisCluster

from weft.cache.connection import is_in_cluster
from weft.cache.fence import DIGITS
from weft.cache.kept import FieldContents, ValueContents
from weft.cache.keys import VERSION_KEY

VALUE_KEY = re.compile(r"(.*:)v:\{(.*?)\}:([^:]+):[0-9a-f]+:(.*):([^:]*):([^:]*)", re.DOTALL)
SHOWN_LETTERS = 60
DROPPED_AT_ONCE = 500


class CacheContents:
    """The keys under a prefix in one Redis server, or in all servers of a cluster.

    Must be closed.
    """

    def __init__(self, client: "Redis | RedisCluster", prefix: str) -> None:
        self._client: Any = client
        self._prefix = prefix

    async def fields(self) -> dict[str, FieldContents]:
        """Returns every field that has cached values, by coordinate."""
        found: dict[str, FieldContents] = {}
        async for key, match in self._value_keys():
            field = found.setdefault(match[3], FieldContents())
            field.values += 1
            field.bytes += await self._client.strlen(key)
        return dict(sorted(found.items()))

    async def values(self, coordinate: str, limit: int) -> list[ValueContents]:
        """Returns at most `limit` values of a field, in no order."""
        found: list[ValueContents] = []
        async for key, match in self._value_keys(coordinate):
            if len(found) == limit:
                break
            stored = await self._client.get(key)
            if stored:
                found.append(await self._value(key, match, stored))
        return found

    async def _value(self, key: bytes, match: re.Match[str], stored: bytes) -> ValueContents:
        name, group = match[1], match[2]
        fences = {
            fence.decode().rpartition("}.")[2]: await self._client.get(fence)
            async for fence in self._keys(f"{_quoted(name)}f:{{{_quoted(group)}}}.*")
        }
        try:
            read_at, value = msgspec.msgpack.decode(memoryview(stored)[DIGITS:])
            text = msgspec.json.encode(value, enc_hook=str).decode()
        except (msgspec.DecodeError, ValueError, TypeError):
            read_at, text = time.time(), "not written by this server"
        return ValueContents(
            key=f"{group} {match[4]}".strip(),
            viewer=match[5],
            age_seconds=time.time() - read_at,
            expires_seconds=await self._client.pttl(key) / 1000,
            written_since=[
                fence for fence, number in fences.items() if (number or b"") >= stored[:DIGITS]
            ],
            value=text[:SHOWN_LETTERS],
        )

    async def drop(self, coordinate: str | None = None) -> int:
        """Drops the values of a field, or of all fields, and returns their number.

        Drops their fences and the version too, which invalidates the copies that processes have.
        Values that share a fence with them are also computed again.
        """
        doomed: list[bytes] = []
        values = 0
        groups: set[str] = set()
        async for key, match in self._value_keys(coordinate):
            doomed.append(key)
            values += 1
            groups.add(f"{_quoted(match[1])}f:{{{_quoted(match[2])}}}.*")
            doomed.append(match[1].encode() + VERSION_KEY)
        if coordinate is None:
            groups = {f"{_quoted(self._prefix)}:cache:*"}
        for pattern in groups:
            doomed += [key async for key in self._keys(pattern)]
        for key in dict.fromkeys(doomed):
            await self._client.unlink(key)  # one at a time: in a cluster their slots differ
        return values

    async def _value_keys(
        self, coordinate: str | None = None
    ) -> AsyncIterator[tuple[bytes, re.Match[str]]]:
        wanted = "*" if coordinate is None else _quoted(coordinate)
        async for key in self._keys(f"{_quoted(self._prefix)}:cache:*:v:{{*}}:{wanted}:*"):
            match = VALUE_KEY.fullmatch(key.decode(errors="replace"))
            if match is not None:
                yield key, match

    async def _keys(self, pattern: str) -> AsyncIterator[bytes]:
        async for key in self._client.scan_iter(match=pattern, count=DROPPED_AT_ONCE):
            yield key

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()


def _quoted(text: str) -> str:
    """Escapes text for use in a pattern of Redis."""
    return re.sub(r"([*?\[\]\\^])", r"\\\1", text)


async def open_contents(redis_url: str, prefix: str) -> CacheContents:
    """Opens the contents of the server, or the cluster, at a URL."""
    client = Redis.from_url(redis_url)
    information: Any = await client.info("server")
    if not is_in_cluster(information):
        return CacheContents(client, prefix)
    await client.aclose()
    return CacheContents(RedisCluster.from_url(redis_url), prefix)
