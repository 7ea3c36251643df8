"""The cache in a Redis cluster: as right as on one server, whatever becomes of one of three."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from redis.crc import key_slot

from app import create_app
from settings import Settings
from tests.api import Api, Clock, Member
from tests.weft.cache.redis_cluster import Cluster, redis_cluster

READ = (
    "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on User { itemCount } } items { totalCount } }"
)
CREATE = 'mutation { createItem(input: {title: "New", status: PUBLISHED}) { item { id } } }'
PATIENCE_SECONDS = 20
MEMBERS = 12


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with redis_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
async def api(
    connection: asyncpg.Connection, settings: Settings, cluster: Cluster
) -> AsyncIterator[Api]:
    own = settings.model_copy(update={"cache": "available", "redis_url": cluster.url})
    statements: list[str] = []
    app = create_app(own, observe=lambda sql, _: statements.append(sql))
    async with Api(app, own, connection, Clock(), statements) as api:
        yield api


@pytest.fixture
async def members(api: Api) -> list[Member]:
    return [await api.user() for _ in range(MEMBERS)]


async def read(api: Api, members: list[Member]) -> list[int]:
    data: Any = await api.data(READ, {"ids": [member.id for member in members]})
    return [*(node["itemCount"] for node in data["nodes"]), data["items"]["totalCount"]]


def counted(api: Api) -> int:
    return sum("count(" in sql for sql in api.statements)


async def until_cached(api: Api, members: list[Member]) -> list[int]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            before = counted(api)
            found = await read(api, members)
            if counted(api) == before:
                return found
            await asyncio.sleep(0.01)


class TestCluster:
    async def test_has_values_and_fences_on_every_server(
        self, api: Api, members: list[Member], cluster: Cluster
    ) -> None:
        assert await until_cached(api, members) == [0] * MEMBERS + [0]
        prefix = api.settings.redis_prefix
        for kind in ("v", "f"):
            keys = await cluster.keys(f"{prefix}:cache:*:{kind}:*")
            assert all(keys), f"some server has no {kind}"
            assert sum(map(len, keys)) >= MEMBERS + 1

    async def test_is_right_as_soon_as_a_mutation_has_answered(
        self, api: Api, members: list[Member]
    ) -> None:
        expected = await until_cached(api, members)
        for place, member in enumerate(members):
            await api.data(CREATE, by=member)
            expected[place] += 1
            expected[-1] += 1
            assert await read(api, members) == expected

    async def test_goes_on_without_a_server_and_uses_it_again(
        self, api: Api, members: list[Member], cluster: Cluster
    ) -> None:
        expected = await until_cached(api, members)
        node = cluster.nodes[2]
        await node.kill()
        for place, member in enumerate(members):
            await api.data(CREATE, by=member)
            expected[place] += 1
            expected[-1] += 1
            assert await read(api, members) == expected
        await node.start()
        assert await until_cached(api, members) == expected

    async def test_follows_a_slot_that_moves(
        self, api: Api, members: list[Member], cluster: Cluster
    ) -> None:
        expected = await until_cached(api, members)
        slot = key_slot(f"{{User:{members[0].key}}}".encode())
        giver = cluster.node_of(f"{{User:{members[0].key}}}")
        taker = cluster.nodes[(cluster.nodes.index(giver) + 1) % 3]
        await cluster.move(slot, giver, taker)
        try:
            await api.data(CREATE, by=members[0])
            expected[0] += 1
            expected[-1] += 1
            assert await read(api, members) == expected
            assert await until_cached(api, members) == expected
        finally:
            await cluster.move(slot, taker, giver)
