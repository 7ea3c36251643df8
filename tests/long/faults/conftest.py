"""The site that faults happen to."""

import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.long.faults.site import Site, running_site


@pytest.fixture
def no_tasks_left() -> None:
    """The site is there for all tests of a module, and its networks have tasks of their own."""


@pytest.fixture(scope="module")
async def site() -> AsyncGenerator[Site]:
    """Three servers and their stores, as new."""
    # None of pytest's directories: each run of pytest locks those of all others for PostgreSQL.
    with tempfile.TemporaryDirectory(prefix="weft-faults-") as directory:
        async with running_site(Path(directory)) as running:
            yield running
