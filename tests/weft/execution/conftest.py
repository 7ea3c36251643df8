"""The shop, under either executor."""

import pytest

from tests.weft.execution.shop import Site, shop
from weft.execution import Schema


@pytest.fixture(scope="session", params=["compiled", "reference"])
def schema(request: pytest.FixtureRequest) -> Schema:
    return shop(request.param)


@pytest.fixture(scope="session")
def compiled() -> Schema:
    return shop()


@pytest.fixture
async def site() -> Site:
    return Site()
