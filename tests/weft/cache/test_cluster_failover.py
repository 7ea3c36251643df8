"""The cache in a Redis cluster in which a replica takes its master's place.

`tests/long` has the other cases: a master that hands over, and one without the lease.
"""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from settings import Settings
from tests.client import Api
from tests.weft.cache.clustered import clustered
from tests.weft.cache.failover import check_failover
from tests.weft.cache.redis_cluster import Cluster, redis_cluster


@pytest.fixture
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with redis_cluster(tmp_path_factory.mktemp("cluster"), replicas=3) as cluster:
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


async def test_no_write_is_lost_when_the_master_with_the_lease_dies(
    api: Api, cluster: Cluster
) -> None:
    await check_failover(api, cluster, has_lease=True, dies=True)
