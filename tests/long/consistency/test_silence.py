"""No read is stale while the network of one server to PostgreSQL or Redis is silent."""

import asyncio
import random
from contextlib import AsyncExitStack
from typing import Any

import pytest

from settings import Settings
from tests.client import Member
from tests.forwarder import Forwarder, forwarding, postgresql_socket, redis_socket, through
from tests.long.consistency.disturbed import check_disturbed
from tests.long.consistency.history import History
from tests.long.consistency.site import Servers
from tests.long.pieces import in_pieces
from tests.processes import serving
from tests.weft.cache.redis_process import StoppableRedis

SILENCES = 3
BETWEEN_SECONDS = 1.0
LONGEST_SECONDS = 4.0
"""Longer than the timeout of a statement, and than a lease of the cache."""
STATEMENT_TIMEOUT_MS = 1_000


def behind(network: Forwarder, store: str, settings: Settings) -> Settings:
    """Returns settings of a server that reaches the store through the forwarder."""
    update: dict[str, Any] = {"database_url": through(network, str(settings.database_url))}
    if store == "redis":
        update = {"redis_url": f"redis://127.0.0.1:{network.port}"}
    return settings.model_copy(update=update)


@in_pieces
@pytest.mark.parametrize("store", ["postgresql", "redis"])
async def test_cached_field_is_never_stale_while_a_network_is_silent(
    piece: int,
    store: str,
    members: dict[int, Member],
    settings: Settings,
    own_redis: StoppableRedis,
) -> None:
    chance = random.Random(piece)
    near = settings.model_copy(
        update={
            "redis_url": own_redis.url,
            "cache": "available",
            "statement_timeout_ms": STATEMENT_TIMEOUT_MS,
        }
    )
    database, cache = str(near.database_url), str(near.redis_url)
    socket = postgresql_socket(database) if store == "postgresql" else redis_socket(cache)
    history, site = History(), Servers(members, has_outages=True)
    networks: list[Forwarder] = []

    async def disturb() -> None:
        for _ in range(SILENCES):
            await asyncio.sleep(BETWEEN_SECONDS)
            network = chance.choice(networks)
            network.silence()
            await asyncio.sleep(chance.random() * LONGEST_SECONDS)
            await network.mend(keep=chance.random() < 0.5)

    async with AsyncExitStack() as stack:
        stack.push_async_callback(site.aclose)
        for _ in range(2):
            networks.append(await stack.enter_async_context(forwarding(socket)))
            server = serving(behind(networks[-1], store, near))
            site.processes.append(await stack.enter_async_context(server))
        await check_disturbed(
            site, members, history, disturb(), redis_url=own_redis.url, piece=piece
        )
