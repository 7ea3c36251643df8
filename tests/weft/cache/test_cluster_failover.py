"""The cache in a Redis cluster of which a replica takes its master's place."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from app import create_app
from settings import Settings
from tests.api import Api, Clock, Member
from tests.weft.cache.redis_cluster import Cluster, Node, redis_cluster
from tests.weft.cache.test_cluster import CREATE, read, until_cached
from weft.cache.steps import LEASE_KEY

MEMBERS = 6

FAILOVER_SECONDS = 90
"""The servers of a cluster may have to vote more than once, each time for some seconds."""


@pytest.fixture
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with redis_cluster(tmp_path_factory.mktemp("cluster"), replicas=3) as cluster:
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


async def is_master(node: Node) -> bool:
    return (await node.client.info("replication"))["role"] == "master"


async def write_and_read_until_promoted(
    api: Api, members: list[Member], expected: list[int], replica: Node
) -> None:
    """Every read has every write, all the while; a few more after it."""
    after = 2 * len(members)
    async with asyncio.timeout(FAILOVER_SECONDS):
        while after:
            after -= await is_master(replica)
            place = after % len(members)
            await api.data(CREATE, by=members[place])
            expected[place] += 1
            expected[-1] += 1
            assert await read(api, members) == expected


@pytest.mark.parametrize("has_lease", [True, False])
@pytest.mark.parametrize("dies", [True, False])
async def test_failover_loses_no_write_and_the_cache_comes_back(
    api: Api, cluster: Cluster, *, has_lease: bool, dies: bool
) -> None:
    """Of a master that dies, or that hands over; of the one that has the lease, or of another."""
    members = [await api.user() for _ in range(MEMBERS)]
    expected = await until_cached(api, members)
    place = cluster.nodes.index(cluster.node_of(LEASE_KEY.decode()))
    place = place if has_lease else (place + 1) % 3
    replica = cluster.replicas[place]
    if dies:
        await cluster.nodes[place].kill()
    else:
        await replica.ask("CLUSTER FAILOVER")
    await write_and_read_until_promoted(api, members, expected, replica)
    assert await until_cached(api, members) == expected
