"""The site whose parts the tests break."""

import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.long.faults.site import Site, running_site


@pytest.fixture
def no_tasks_left() -> None:
    """Replaces the check for leftover tasks: the site of a module has forwarders with tasks."""


@pytest.fixture(scope="module")
async def site() -> AsyncGenerator[Site]:
    """Three servers and their stores, newly created."""
    # Not in a pytest directory: each run of pytest locks those of all others for PostgreSQL.
    with tempfile.TemporaryDirectory(prefix="weft-faults-") as directory:
        async with running_site(Path(directory)) as running:
            yield running
