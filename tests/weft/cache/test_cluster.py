"""The cache in a Redis cluster: as correct as on one server, whatever happens to one of three."""

from collections.abc import AsyncIterator
from functools import partial

import asyncpg
import pytest
from redis.crc import key_slot

from settings import Settings
from tests.client import Api, Member
from tests.waiting import until
from tests.weft.cache.clustered import CREATE, clustered, read, until_cached
from tests.weft.cache.redis_cluster import Cluster, redis_cluster

MEMBERS = 12


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with redis_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
async def api(
    connection: asyncpg.Connection,
    settings: Settings,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Api]:
    async with clustered(connection, settings, cluster, monkeypatch) as api:
        yield api


@pytest.fixture
async def members(api: Api) -> list[Member]:
    return [await api.user() for _ in range(MEMBERS)]


class TestCluster:
    async def test_values_and_fences_lie_on_every_server(
        self, api: Api, members: list[Member], cluster: Cluster
    ) -> None:
        assert await until_cached(api, members) == [0] * MEMBERS + [0]

        async def are_there(kind: str) -> bool:
            found = await cluster.keys(f"{api.settings.redis_prefix}:cache:*:{kind}:*")
            return all(found) and sum(map(len, found)) >= MEMBERS + 1

        for kind in ("v", "f"):
            await until(partial(are_there, kind))

    async def test_mutation_is_seen_as_soon_as_it_is_acknowledged(
        self, api: Api, members: list[Member]
    ) -> None:
        expected = await until_cached(api, members)
        for place, member in enumerate(members):
            await api.data(CREATE, by=member)
            expected[place] += 1
            expected[-1] += 1
            assert await read(api, members) == expected

    async def test_cache_works_without_a_lost_server_and_uses_it_after_its_restart(
        self, api: Api, members: list[Member], cluster: Cluster
    ) -> None:
        expected = await until_cached(api, members)
        node = cluster.node_of(f"{{User:{members[0].key}}}")
        await node.kill()
        # The first has its fence on that server, the second maybe elsewhere.
        for place, member in enumerate(members[:2]):
            await api.data(CREATE, by=member)
            expected[place] += 1
            expected[-1] += 1
            assert await read(api, members) == expected
        await node.start()
        assert await until_cached(api, members) == expected

    async def test_cache_follows_a_slot_that_moves(
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
