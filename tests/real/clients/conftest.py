"""Fixtures for clients of other authors, which are used unmodified."""

import asyncio
from pathlib import Path

import pytest

from tests.real.clients.node import installed_packages


@pytest.fixture
async def packages() -> Path:
    """The directory of the npm packages; without them the test is skipped with a reason."""
    found = await asyncio.to_thread(installed_packages)
    if found is None:
        pytest.skip("node, npm or npm's registry is missing")
    return found
