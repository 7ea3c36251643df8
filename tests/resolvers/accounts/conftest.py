from collections.abc import AsyncIterator

import pytest

from tests.resolvers.accounts.world import World, new_world


@pytest.fixture
async def world(database_url: str, connection: object) -> AsyncIterator[World]:
    """Yields the services over this worker's empty database, at a time that the test sets."""
    world = new_world(database_url)
    yield world
    await world.close()
