"""The shop, under either executor."""

from collections.abc import AsyncIterator

import pytest

from tests.weft.execution.shop import Site, shop
from weft.execution import Schema, template


@pytest.fixture(scope="session", params=["compiled", "reference"])
def schema(request: pytest.FixtureRequest) -> Schema:
    return shop(request.param)


@pytest.fixture(scope="session")
def compiled() -> Schema:
    return shop()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    yield site
    site.gate.set()  # ends resolvers for which no operation waits
    site.released.set()


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a single row is written as JSON, as if it were one of many."""
    monkeypatch.setattr(template, "FEW_ROWS", 1)
