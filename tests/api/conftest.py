"""Password hashes at low cost, since tests of the schema need no real ones; a mail server."""

from collections.abc import AsyncIterator

import pytest

from tests.resolvers.accounts.world import CountingHasher
from tests.smtp import Postbox, postbox
from weft.auth.passwords import Passwords


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.Passwords", lambda: Passwords(CountingHasher()))


@pytest.fixture
async def box() -> AsyncIterator[Postbox]:
    """Yields a mail server."""
    async with postbox() as box:
        yield box
