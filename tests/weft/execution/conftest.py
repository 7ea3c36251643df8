"""The shop, under either executor."""

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
async def site() -> Site:
    return Site()


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a single row is written, as it would be among others."""
    monkeypatch.setattr(template, "FEW_ROWS", 1)
