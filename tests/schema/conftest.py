"""Passwords whose hashes cost little, as what a real one costs is no matter of the schema; mail."""

from collections.abc import AsyncIterator

import pytest

from tests.resolvers.world import CountingHasher
from tests.smtp import Postbox, postbox
from weft.auth.passwords import Passwords


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.Passwords", lambda: Passwords(CountingHasher()))


@pytest.fixture
async def box() -> AsyncIterator[Postbox]:
    """A mail server."""
    async with postbox() as box:
        yield box
