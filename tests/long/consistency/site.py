"""Sites to check: the servers over HTTP, and a naive cache-aside cache."""

import asyncio
import random
import sys
from collections.abc import Sequence
from typing import Any

import asyncpg
import httpx
import redis.asyncio

from tests.client import Member
from tests.processes import Process
from tests.waiting import PATIENCE_SECONDS

READ = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on User { %s } } }"
PAGE_SIZE = 100
OUTAGE = {"UNAVAILABLE", "DEADLINE_EXCEEDED"}
FIELDS = ["itemCount", "items { totalCount }", f"items(first: {PAGE_SIZE}) {{ nodes {{ id }} }}"]
"""Each of them shows how many items a user has."""
READ_ALL = "{ users(first: %d) { nodes { id itemCount } } }"
"""All of its fields are cached."""
CREATE = 'mutation { createItem(input: {title: "One more", status: %s}) { item { id } } }'
PUBLISH = "mutation ($id: ID!) { updateItem(input: {id: $id, status: PUBLISHED}) { item { id } } }"


class Servers:
    """Server processes that get requests at random; one may be down.

    `reads_all`: each read is of all members, who must be the first users. `has_outages`: the
    database may be out of reach, which counts as unanswered; otherwise no response may have errors.
    """

    def __init__(
        self, members: dict[int, Member], *, reads_all: bool = False, has_outages: bool = False
    ) -> None:
        self._reads_all = reads_all
        self._has_outages = has_outages
        self.processes: list[Process] = []
        self.slowest_seconds = 0.0
        self._members = members
        self._http = httpx.AsyncClient(timeout=PATIENCE_SECONDS)
        self._chance = random.Random(7)

    async def read(self, keys: Sequence[int]) -> list[int] | None:
        if self._reads_all:
            return await self._read_all(keys)
        variables = {"ids": [self._members[key].id for key in keys]}
        text = READ % self._chance.choice(FIELDS)
        answer = await self._post({"query": text, "variables": variables}, {})
        return None if answer is None else [_seen(node) for node in answer["data"]["nodes"]]

    async def _read_all(self, keys: Sequence[int]) -> list[int] | None:
        answer = await self._post({"query": READ_ALL % len(self._members)}, {})
        if answer is None:
            return None
        counts = {node["id"]: node["itemCount"] for node in answer["data"]["users"]["nodes"]}
        return [counts[self._members[key].id] for key in keys]

    async def write(self, key: int) -> bool:
        """Creates a published item, or a draft that is published by an update (perhaps joined)."""
        credentials = {"authorization": f"Bearer {self._members[key].token}"}
        if self._chance.random() < 0.5:
            return await self._post({"query": CREATE % "PUBLISHED"}, credentials) is not None
        draft = await self._post({"query": CREATE % "DRAFT"}, credentials)
        if draft is None:
            return False
        variables = {"id": draft["data"]["createItem"]["item"]["id"]}
        return await self._post({"query": PUBLISH, "variables": variables}, credentials) is not None

    async def _post(self, body: object, headers: dict[str, str]) -> dict[str, Any] | None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        process = self._chance.choice(self.processes)
        try:
            response = await self._http.post(process.url, json=body, headers=headers)
        except httpx.TransportError:
            return None
        finally:
            self.slowest_seconds = max(self.slowest_seconds, loop.time() - started)
        answer = response.json()
        codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
        if codes and self._has_outages:
            assert codes <= OUTAGE, answer
            return None
        assert not codes, answer
        return answer

    async def aclose(self) -> None:
        await self._http.aclose()


def _seen(node: dict[str, Any]) -> int:
    """Returns how many items a read shows; `sys.maxsize` for a full page, which shows no number."""
    if "itemCount" in node:
        return node["itemCount"]
    items = node["items"]
    if "totalCount" in items:
        return items["totalCount"]
    return len(items["nodes"]) if len(items["nodes"]) < PAGE_SIZE else sys.maxsize


class PlainCache:
    """A naive cache: values are set with a TTL after a read, and deleted after a write."""

    def __init__(self, pool: asyncpg.Pool, cache: redis.asyncio.Redis, prefix: str) -> None:
        self._pool = pool
        self._cache = cache
        self._prefix = prefix
        self._chance = random.Random(7)

    async def read(self, keys: Sequence[int]) -> list[int] | None:
        names = [f"{self._prefix}:{key}" for key in keys]
        values: list[int] = []
        for key, name, found in zip(keys, names, await self._cache.mget(names), strict=True):
            if found is None:
                found = await self._pool.fetchval(
                    "SELECT count(*) FROM items WHERE owner_id = $1", key
                )
                await asyncio.sleep(self._chance.random() * 0.01)
                await self._cache.set(name, found, ex=300)
            values.append(int(found))
        return values

    async def write(self, key: int) -> bool:
        await self._pool.execute("INSERT INTO items (owner_id, title) VALUES ($1, 'One')", key)
        await self._cache.delete(f"{self._prefix}:{key}")
        return True
