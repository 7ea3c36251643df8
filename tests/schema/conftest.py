"""Passwords whose hashes cost little: what a real one costs is no matter of the schema."""

import pytest

from tests.resolvers.world import CountingHasher
from weft.auth.passwords import Passwords


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.Passwords", lambda: Passwords(CountingHasher()))
