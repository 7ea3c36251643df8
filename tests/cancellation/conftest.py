from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def directory() -> Iterator[Path]:
    """Yields a temporary directory whose path is short enough for a Unix socket in it."""
    with TemporaryDirectory(prefix="weft-") as path:
        yield Path(path)
