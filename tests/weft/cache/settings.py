"""Settings with which the cache never times out, however busy the machine of the tests is."""

import secrets

import pytest

from settings import Settings
from tests.waiting import PATIENCE_SECONDS
from weft.cache.limits import StoreLimits


def with_cache(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, *, lease_ms: int = 1000 * PATIENCE_SECONDS
) -> Settings:
    """Returns settings of a server that caches under its own prefix, and waits long for Redis.

    A write that cannot reach Redis waits for the lease to end: keep that short if Redis is killed.
    """
    patience_ms = 1000 * PATIENCE_SECONDS
    limits = StoreLimits(read_ms=patience_ms, raise_ms=patience_ms, lease_ms=lease_ms)
    monkeypatch.setattr("weft.cache.store.StoreLimits", lambda: limits)
    monkeypatch.setattr("weft.cache.connection.CONNECT_SECONDS", PATIENCE_SECONDS)
    own_prefix = f"{settings.redis_prefix}-{secrets.token_hex(4)}"
    return settings.model_copy(update={"cache": "available", "redis_prefix": own_prefix})
