"""Clients that others wrote, as they are."""

import asyncio
from pathlib import Path

import pytest

from tests.real.clients.node import installed_packages


@pytest.fixture
async def packages() -> Path:
    """Where the packages are; a test without them is skipped, and pytest says so."""
    found = await asyncio.to_thread(installed_packages)
    if found is None:
        pytest.skip("node, npm or npm's registry is missing")
    return found
