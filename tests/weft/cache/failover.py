"""Checks a replica that takes its master's place while a server writes and reads."""

import asyncio

from tests.client import Api, Member
from tests.weft.cache.clustered import CREATE, read, until_cached
from tests.weft.cache.redis_cluster import Cluster, Node
from weft.cache.keys import LEASE_KEY

MEMBERS = 6

FAILOVER_SECONDS = 90
"""The servers of a cluster may have to vote more than once, each time for some seconds."""


async def is_master(node: Node) -> bool:
    return (await node.client.info("replication"))["role"] == "master"


async def write_and_read_until_promoted(
    api: Api, members: list[Member], expected: list[int], replica: Node
) -> None:
    """Checks that every read has every write, until the replica is promoted and a while longer."""
    after = 2 * len(members)
    async with asyncio.timeout(FAILOVER_SECONDS):
        while after:
            after -= await is_master(replica)
            place = after % len(members)
            await api.data(CREATE, by=members[place])
            expected[place] += 1
            expected[-1] += 1
            assert await read(api, members) == expected


async def check_failover(api: Api, cluster: Cluster, *, has_lease: bool, dies: bool) -> None:
    """Checks that no write is lost, and that the cache works again afterwards.

    `dies`: the master dies, otherwise it hands over. `has_lease`: it is the one with the lease.
    """
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
