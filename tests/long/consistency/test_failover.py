"""The cache in a Redis cluster in which a replica replaces its master, in every case."""

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


@pytest.mark.parametrize("has_lease", [True, False])
@pytest.mark.parametrize("dies", [True, False])
async def test_failover_loses_no_write_and_the_cache_works_again(
    api: Api, cluster: Cluster, *, has_lease: bool, dies: bool
) -> None:
    await check_failover(api, cluster, has_lease=has_lease, dies=dies)
